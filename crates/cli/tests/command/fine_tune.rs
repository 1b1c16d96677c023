//! `headstart train --fine-tune-at` and `headstart fine-tune`.

use std::fs;

use serde_json::Value;

use crate::support::{CLASSES, Place, Run, file, keys};

/// Options for a small base with random weights, which is fast.
fn small() -> String {
    let weights = file("fixtures/keras_mobilenetv2/keras2_no_top.h5");
    format!("--weights {weights} --input-size 32")
}

/// `train pictures` on the small base, with the last blocks fine-tuned in batches of 6.
fn train(more: &str) -> String {
    let small = small();
    format!(
        "train pictures {small} --output m --fine-tune-at block_15_expand --fine-tune-epochs 2 \
         --fine-tune-learning-rate 0.00003 --batch-size 6 {more}"
    )
}

fn epochs<'a>(lines: &'a [Value], phase: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == "epoch" && line["phase"] == phase).collect()
}

/// The accuracy that `evaluate` measures on the pictures that `train` held back.
fn evaluated(place: &Place, model: &str) -> Value {
    let run = place.run(&format!("evaluate {model} held-back --json"));
    run.succeeded().json().pop().unwrap()["accuracy"].clone()
}

#[test]
fn both_phases_are_reported_and_the_model_is_as_good_as_they_say() {
    let place = Place::new();
    place.pictures("pictures/train", &CLASSES, 0..10);
    place.pictures("pictures/validation", &CLASSES, 10..14);
    place.pictures("held-back", &CLASSES, 10..14);
    for (head, heads) in [("lbfgs", 1), ("adam --epochs 3 --learning-rate 0.001", 3)] {
        let mut lines = place
            .run(&format!(
                "train pictures --input-size 64 --output m --json --head {head} --fine-tune-at 130 \
                 --fine-tune-epochs 3 --fine-tune-learning-rate 1e-5 --batch-size 8"
            ))
            .succeeded()
            .json();
        let done = lines.pop().unwrap();
        assert_eq!(done["event"], "done");
        assert_eq!(epochs(&lines, "head").len(), heads);
        let tuned = epochs(&lines, "fine-tune");
        assert_eq!(tuned.len(), 3);
        let loss = |epoch: &Value| epoch["loss"].as_f64().unwrap();
        // After logistic regression, the loss may have no room to fall.
        assert!(heads == 1 || loss(tuned[2]) < loss(tuned[0]), "{tuned:?}");
        assert_eq!(keys(tuned[0]), keys(epochs(&lines, "head")[0]));
        assert_eq!(done["val_accuracy"], tuned[2]["val_accuracy"]);
        assert_eq!((&done["train"], &done["validation"]), (&30.into(), &12.into()));
        let about = &done["fine_tune"];
        assert_eq!((&about["epochs"], &about["resumed"]), (&3.into(), &0.into()));
        assert_eq!(about["val_accuracy_before"], epochs(&lines, "head")[heads - 1]["val_accuracy"]);
        assert!(about["trainable"].as_u64().unwrap() > 1_000_000, "{about}");
        assert_eq!(evaluated(&place, "m"), done["val_accuracy"]);
        assert_eq!(place.below("."), ["cache", "held-back", "m", "pictures"]);
    }

    // Continue from this model: the same pictures are held back.
    let model = fs::read(place.path("m")).unwrap();
    let mut lines = place
        .run(
            "fine-tune m pictures --output again --json --at 130 --epochs 2 --learning-rate 1e-5 \
             --batch-size 8",
        )
        .succeeded()
        .json();
    let done = lines.pop().unwrap();
    assert_eq!((lines.len(), epochs(&lines, "fine-tune").len()), (3, 2));
    assert_eq!((&lines[0]["event"], keys(&lines[0]).len()), (&"disk".into(), 3));
    assert!(lines[0]["bytes"].as_u64().unwrap() > 42 * 64 * 64 * 3, "{}", lines[0]);
    assert_eq!((&done["train"], &done["validation"]), (&30.into(), &12.into()));
    assert_eq!(done["fine_tune"]["val_accuracy_before"], evaluated(&place, "m"));
    assert_eq!(done["val_accuracy"], evaluated(&place, "again"));
    assert_eq!(done["learned_from"], 0);
    assert!(fs::read(place.path("m")).unwrap() == model, "-o leaves the model");
    let run = place.run("fine-tune m pictures --output again --val-split 0.5");
    let part = "pictures: already has a split; remove --val-split";
    assert!(run.code == 2 && run.stderr.contains(part), "{run:?}");
    // The model has seen all of these pictures, so no share of them can be held back.
    let options = "--at 150 --epochs 1 --batch-size 8 --val-split 0.5";
    let run = place.run(&format!("fine-tune m pictures/train --output again {options}"));
    assert_eq!(run.code, 0, "{run:?}");
    for part in [
        "warning: --val-split is not followed: the model has seen all of these pictures",
        "warning: the model has learned from all of these pictures: none is held out",
    ] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    assert!(run.stdout.contains("Accuracy    not measured"), "{}", run.stdout);
    let again = "--at 150 --epochs 1 --batch-size 8 --val-dir held-back --json";
    let run = place.run(&format!("fine-tune m pictures/train --output again {again}"));
    assert_eq!(run.succeeded().json().pop().unwrap()["validation"], 12);
}

#[test]
fn people_read_of_both_phases_in_few_lines() {
    let place = Place::with_pictures(6);
    let run = place.run(&train("")).succeeded();
    let parts = [
        "Disk        about ",
        " while it runs",
        "Split       15 to learn from, 3 held back",
        "Accuracy    ",
        "of 3 held-out pictures), with the base as it was\n",
        "Fine-tuning 1/2  loss ",
        "            2/2  loss ",
        "Fine-tuned  from block_15_expand on, ",
        " parameters, learning rate 3e-5, ",
        " before fine-tuning\n",
        "Saved       m (",
    ];
    let mut rest = run.stdout.as_str();
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("'{part}' is not in: {}", run.stdout));
        rest = &rest[at + part.len()..];
    }
    let run = place.run("fine-tune m pictures --at block_16_expand --epochs 1 --batch-size 8");
    let run = run.succeeded();
    for part in ["Model       m, ", "15 to learn from, 3 held back", "Fine-tuning 1/1  loss "] {
        assert!(run.stdout.contains(part), "'{part}' is not in: {}", run.stdout);
    }
}

#[test]
fn a_layer_is_given_by_index_or_name_and_a_wrong_one_is_known_at_once() {
    let place = Place::with_pictures(4);
    let small = small();
    let run = |at: &str, more: &str| {
        place.run(&format!(
            "train pictures {small} --output m --json --fine-tune-at {at} --fine-tune-epochs 1 --batch-size 3 {more}"
        ))
    };
    for (at, first) in [
        ("0", "Conv1"),
        ("Conv1", "Conv1"),
        ("100", "block_11_depthwise"),
        ("block_16_project", "block_16_project"),
    ] {
        let done = run(at, "").succeeded().json().pop().unwrap();
        assert_eq!(done["fine_tune"]["first_layer"], first, "{at}");
    }
    fs::remove_file(place.path("m")).unwrap();
    for (at, part) in [
        ("block_15_expnd", "block_15_expand"),
        ("1000", "1000"),
        ("out_relu", "nothing to fine-tune"),
        ("-1", "-1"),
    ] {
        let run = run(at, "");
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{at}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    assert_eq!(place.below("."), ["cache", "pictures"]);
}

#[test]
fn a_model_is_not_fine_tuned_on_other_classes() {
    let place = Place::with_model();
    let model = fs::read(place.path("model.safetensors")).unwrap();
    place.pictures("other", &["Bag", "Coat", "Trouser"], 0..3);
    place.pictures("fewer", &["Bag", "Trouser"], 0..3);
    let run = |folder| place.run(&format!("fine-tune model.safetensors {folder}"));
    run("other").failed(1, &["the model has no class \"Coat\"; it has Bag, Sneaker, Trouser"]);
    run("fewer").failed(1, &["the pictures are of Bag, Trouser, but the model has"]);
    run("missing").failed(1, &["missing"]);
    place.run("fine-tune missing pictures").failed(1, &["missing"]);
    assert!(fs::read(place.path("model.safetensors")).unwrap() == model);
}

#[test]
fn the_same_seed_gives_the_same_file_on_any_number_of_threads() {
    let place = Place::with_pictures(6);
    let model = |more: &str| {
        // With some seeds the model gets worse, which gives a warning.
        let run = place.run(&train(&format!("--augment standard --views 2 {more}")));
        assert_eq!(run.code, 0, "{run:?}");
        fs::read(place.path("m")).unwrap()
    };
    let first = model("--threads 1");
    assert!(model("--threads 2") == first && model("--threads 1") == first);
    assert!(model("--threads 2 --seed 1") != first);
}

#[test]
fn a_rate_that_diverges_is_one_line_and_the_model_still_predicts() {
    let place = Place::with_pictures(6);
    let small = small();
    place.run(&format!("train pictures {small} --output head")).succeeded();
    let scores =
        |model: &str| place.run(&format!("predict {model} pictures --json")).succeeded().stdout;
    let before = scores("head");
    let diverging = "--optimizer sgd --batch-size 6";
    // The head fitted by `train` itself differs: it sees the frozen layers' output rounded to 16 bits.
    let mut own = None;
    for rate in ["1e6", "1e38"] {
        let run = place.run(&format!(
            "train pictures {small} --output m --fine-tune-at 100 {diverging} \
             --fine-tune-learning-rate {rate}"
        ));
        let kept = "try a tenth of it; m contains the weights from before fine-tuning";
        run.failed(1, &["the loss became ", "in epoch 1, batch 2", kept]);
        assert!(scores("m") == *own.get_or_insert_with(|| scores("m")));
        let run =
            place.run(&format!("fine-tune head pictures -o m {diverging} --learning-rate {rate}"));
        run.failed(1, &["in epoch 1, batch ", kept]);
        assert!(scores("m") == before);
    }
    // The first step has a learning rate of 0 and changes nothing.
    let run = place.run(&format!(
        "train pictures {small} --output m --fine-tune-at 100 --optimizer sgd --batch-size 20 \
         --fine-tune-learning-rate 1e38 --schedule cosine --warm-up 3"
    ));
    run.failed(1, &["in epoch 2, batch 1", "m contains the weights of epoch 1"]);
    assert!(Some(scores("m")) == own);
    assert_eq!(place.below("."), ["cache", "head", "m", "pictures"]);
}

#[test]
fn odd_folders_work_with_a_word_about_what_is_odd() {
    let place = Place::with_pictures(6);
    place.write("pictures/Bag/text.jpg", "this is no picture");
    let warned = |run: &Run, held_back: bool| {
        let lines: Vec<&str> = run.stderr.lines().collect();
        let mut parts = vec!["warning: a batch of 64 is more than the "];
        if !held_back {
            parts.push("warning: the model does not know what its answers are worth: ");
        }
        assert_eq!((run.code, lines.len()), (0, parts.len()), "{}", run.stderr);
        assert!(lines.iter().zip(parts).all(|(line, part)| line.starts_with(part)), "{lines:?}");
    };
    for (arguments, split) in [
        ("--batch-size 64", (15, 3)),
        ("--batch-size 64 --val-split 0 --early-stop 1", (18, 0)),
        ("--batch-size 64 --head adam --epochs 1 --augment strong --views 0", (15, 3)),
    ] {
        let run =
            place.run(&train(&format!("--json {arguments}")).replacen("--batch-size 6", "", 1));
        warned(&run, split.1 > 0);
        let done = run.json().pop().unwrap();
        assert_eq!((&done["train"], &done["validation"]), (&split.0.into(), &split.1.into()));
        assert_eq!(done["val_accuracy"].is_null(), split.1 == 0);
        assert_eq!(done["skipped"][0]["path"], "pictures/Bag/text.jpg");
        assert!(done["warnings"][0].as_str().unwrap().contains("an epoch is one step"), "{done}");
    }
    let run = place.run("fine-tune m pictures --batch-size 64 --epochs 1");
    warned(&run, true);
    assert!(run.stdout.contains("Skipped     1 file\n  pictures/Bag/text.jpg: not a picture"));
}

#[test]
fn early_stopping_says_what_it_took_and_a_worse_model_is_told_of() {
    let place = Place::with_pictures(6);
    place.run(&format!("train pictures {} --output head", small())).succeeded();
    let head = fs::read(place.path("head")).unwrap();
    let both = |rate: &str| train("").replace("--fine-tune-learning-rate 0.00003", rate);
    let later = "fine-tune head pictures -o m --at block_15_expand --epochs 2 --batch-size 6";
    for command in [both("--fine-tune-learning-rate 0.3"), format!("{later} --learning-rate 0.3")] {
        for (patience, told) in [
            (
                1,
                "            stopped after 1 epoch; kept the model from before: no epoch was better\n",
            ),
            (2, "            kept the model from before: no epoch was better\n"),
        ] {
            let run = place.run(&format!("{command} --early-stop {patience}"));
            let Run { code, stdout, stderr } = &run;
            assert!(*code == 0 && stderr.is_empty() && stdout.contains(told), "{run:?}");
            let before = fs::read(place.path("m")).unwrap();
            assert!(command.starts_with("train") || before == head);
            let json = place.run(&format!("{command} --early-stop {patience} --json"));
            let done = json.succeeded().json().pop().unwrap();
            let told = &done["fine_tune"];
            assert_eq!((&told["best_epoch"], &told["epochs"]), (&0.into(), &patience.into()));
            assert_eq!(told["stopped_early"], patience == 1);
            assert_eq!(told["val_accuracy_before"], done["val_accuracy"]);
        }
        let run = place.run(&command);
        let warning = "warning: fine-tuning made the model worse: accuracy ";
        assert!(run.code == 0 && run.stderr.starts_with(warning), "{run:?}");
        assert_eq!(run.stderr.lines().count(), 1, "{run:?}");
        assert!(run.stderr.contains("--early-stop"), "{run:?}");
    }
    // A head with room for improvement.
    let stdout = place.run(&train("--early-stop 2 --head adam --epochs 1")).succeeded().stdout;
    assert!(stdout.contains("took epoch 2, the best\n"), "{stdout}");
}

#[test]
fn options_of_fine_tuning_that_make_no_sense_are_named() {
    let place = Place::with_pictures(2);
    let base = small();
    for (options, part) in [
        ("--augment standard --views 0", "--head adam"),
        ("--augment strong", "--head adam"),
        ("--augment strong --fine-tune-at 100", "--head adam"),
        ("--augment some", "tutorial"),
        ("--resume", "requires --fine-tune-at"),
        ("--optimizer sgd", "--optimizer requires --fine-tune-at"),
        ("--momentum 0.9", "requires --fine-tune-at"),
        ("--schedule cosine", "requires --fine-tune-at"),
        ("--clip-norm 1", "requires --fine-tune-at"),
        ("--weight-decay 0.1", "requires --fine-tune-at"),
        ("--layer-decay 0.9", "requires --fine-tune-at"),
        ("--ema 0.9", "requires --fine-tune-at"),
        ("--bn train", "requires --fine-tune-at"),
        ("--label-smoothing 0.1", "--label-smoothing requires --head adam"),
        ("--fine-tune-epochs 3", "--fine-tune-at"),
        ("--fine-tune-learning-rate 3", "--fine-tune-at"),
        ("--fine-tune-at 100 --epochs 3", "--fine-tune-epochs"),
        ("--fine-tune-at 100 --learning-rate 3", "--fine-tune-learning-rate"),
        ("--fine-tune-at 100 --momentum 0.9", "--optimizer sgd"),
        ("--fine-tune-at 100 --optimizer sgd --momentum -1", "momentum"),
        ("--fine-tune-at 100 --optimizer sgd --momentum nan", "momentum"),
        ("--fine-tune-at 100 --optimizer fastest", "rmsprop"),
        ("--fine-tune-at 100 --warm-up 3", "--schedule cosine"),
        ("--fine-tune-at 100 --warm-up -3 --schedule cosine", "-3"),
        ("--fine-tune-at 100 --fine-tune-epochs 0", "--fine-tune-epochs"),
        ("--fine-tune-at 100 --fine-tune-learning-rate 0", "learning rate"),
        ("--fine-tune-at 100 --fine-tune-learning-rate -1", "learning rate"),
        ("--fine-tune-at 100 --fine-tune-learning-rate nan", "learning rate"),
        ("--fine-tune-at 100 --fine-tune-learning-rate inf", "learning rate"),
        ("--fine-tune-at 100 --batch-size 0", "batch size"),
        ("--fine-tune-at 100 --clip-norm -1", "clip"),
        ("--fine-tune-at 100 --clip-norm nan", "clip"),
        ("--fine-tune-at 100 --weight-decay -1", "weight decay"),
        ("--fine-tune-at 100 --weight-decay nan", "weight decay"),
        ("--fine-tune-at 100 --label-smoothing 1", "label smoothing"),
        ("--fine-tune-at 100 --label-smoothing nan", "label smoothing"),
        ("--fine-tune-at 100 --layer-decay 0", "layer decay"),
        ("--fine-tune-at 100 --layer-decay 1.1", "layer decay"),
        ("--fine-tune-at 100 --layer-decay nan", "layer decay"),
        ("--fine-tune-at 100 --ema 1", "average"),
        ("--fine-tune-at 100 --ema -0.1", "average"),
        ("--fine-tune-at 100 --ema nan", "average"),
        ("--fine-tune-at 100 --bn some", "inference"),
        ("--fine-tune-at 100 --views -1", "-1"),
    ] {
        let run = place.run(&format!("train pictures {base} --output m {options}"));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{options}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{options}: {}", run.stderr);
    }
    assert_eq!(place.below("."), ["pictures"]);
}

#[test]
fn a_disk_without_room_for_the_pictures_is_a_line_that_names_the_way_out() {
    let place = Place::with_pictures(6);
    place.write("file", "no folder");
    let run = place.run(&train("--cache-dir file"));
    run.failed(1, &["file: cannot keep the pictures to train on here (", "--cache-dir"]);
    assert_eq!(place.below("."), ["file", "pictures"]);
}

/// A limit on file sizes stands in for a full disk.
#[test]
#[cfg(unix)]
fn a_disk_that_fills_up_amid_work_is_a_line_too() {
    let place = Place::with_pictures(6);
    // First 18 pictures of 3072 bytes, then their views. Limits are in units of 512 or 1024 bytes.
    for (limit, part) in
        [(20, "cannot keep the pictures to train on here ("), (400, "cannot write m: ")]
    {
        let mut shell = std::process::Command::new("sh");
        let binary = env!("CARGO_BIN_EXE_headstart");
        shell.current_dir(place.path(".")).env("HEADSTART_CACHE", place.path("cache"));
        shell
            .args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec {binary} {}", train(""))]);
        Run::of(shell.output().unwrap()).failed(1, &[part]);
        assert_eq!(place.below("."), ["cache", "pictures"]);
        place.assert_only_features_in_cache();
    }
}
