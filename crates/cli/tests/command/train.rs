//! `headstart train`.

use std::fs;

use crate::support::{CLASSES, Place, file, keys};

#[test]
fn training_reports_each_epoch_and_at_last_that_it_is_done() {
    let place = Place::with_pictures(6);
    place.write("pictures/Bag/text.jpg", "this is no picture");
    let epoch_keys =
        ["event", "phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"];
    for (head, epochs) in [("lbfgs", 1), ("adam --epochs 3", 3), ("adam", 10)] {
        let arguments = format!("train pictures --input-size 32 --json --output m --head {head}");
        let mut lines = place.run(&arguments).succeeded().json();
        let done = lines.pop().unwrap();
        assert_eq!(lines.len(), epochs, "--head {head}");
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(keys(line), epoch_keys);
            assert_eq!((&line["event"], &line["phase"]), (&"epoch".into(), &"head".into()));
            assert_eq!(line["epoch"], index + 1);
            assert!(epoch_keys[3..].iter().all(|key| line[key].is_number()), "{line}");
        }
        for key in ["event", "model", "val_accuracy", "pictures", "skipped", "seconds"] {
            assert!(keys(&done).contains(&key), "{key} is not in {done}");
        }
        assert_eq!((&done["event"], &done["model"]), (&"done".into(), &"m".into()));
        assert_eq!(done["pictures"], 18);
        let skipped = done["skipped"].as_array().unwrap();
        assert_eq!((skipped.len(), keys(&skipped[0])), (1, vec!["path", "reason"]));
        assert_eq!(skipped[0]["path"], "pictures/Bag/text.jpg");
        assert_eq!(skipped[0]["reason"], "not a picture (text)");
        assert_eq!(keys(&done["seconds"]), ["features", "head", "total"]);
        assert_eq!(done["val_accuracy"], lines[epochs - 1]["val_accuracy"]);
    }
}

#[test]
fn training_for_people_ends_with_a_short_report_and_what_to_do_next() {
    let place = Place::with_pictures(6);
    place.write("pictures/Bag/text.jpg", "this is no picture");
    let run = place.run("train pictures --input-size 32").succeeded();
    for part in [
        "Base        mobilenetv2 at 32 x 32, 2,257,984 parameters, all frozen",
        "Pictures    19 in 3 classes (pictures)",
        "Split       15 to learn from, 3 held back",
        "Head        logistic regression, strength C = ",
        "Accuracy    ",
        "Skipped     1 file\n  pictures/Bag/text.jpg: not a picture (text)\n",
        "Saved       pictures.safetensors (",
        "Try it with:  headstart predict pictures.safetensors PICTURE...",
    ] {
        assert!(run.stdout.contains(part), "'{part}' is not in: {}", run.stdout);
    }
    assert_eq!(place.below("."), ["cache", "pictures", "pictures.safetensors"]);
}

#[test]
fn a_second_run_takes_its_features_from_the_cache_and_writes_the_same_model() {
    let place = Place::with_pictures(6);
    let run = |output, more| {
        let run = place.run(&format!(
            "train pictures --input-size 32 --json --seed 7 --output {output} {more}"
        ));
        run.succeeded().json().pop().unwrap()
    };
    let (first, second) = (run("a", ""), run("b", "--threads 1"));
    assert_eq!((&first["from_cache"], &second["from_cache"]), (&0.into(), &18.into()));
    assert_eq!(run("c", "--no-cache")["from_cache"], 0);
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(bytes("a") == bytes("b") && bytes("a") == bytes("c"));
}

#[test]
fn what_is_held_back_can_be_a_share_a_folder_or_nothing() {
    let place = Place::with_pictures(6);
    place.pictures("held-back", &CLASSES, 6..8);
    place.pictures("split/train", &CLASSES, 0..5);
    place.pictures("split/validation", &CLASSES, 5..7);
    for (arguments, train, validation) in [
        ("pictures", 15, 3),
        ("pictures --val-split 0.5", 9, 9),
        ("pictures --val-split 0", 18, 0),
        ("pictures --val-dir held-back", 18, 6),
        ("split", 15, 6),
    ] {
        let run = place.run(&format!("train {arguments} --input-size 32 --json --output m"));
        let done = run.succeeded().json().pop().unwrap();
        assert_eq!((&done["train"], &done["validation"]), (&train.into(), &validation.into()));
        assert_eq!(done["pictures"], train + validation);
        assert_eq!(done["val_accuracy"].is_null(), validation == 0, "{arguments}: {done}");
    }
}

#[test]
fn a_base_is_taken_from_a_weight_file_of_each_framework() {
    let place = Place::with_pictures(4);
    for (weights, base) in [
        ("fixtures/keras_mobilenetv2/keras2_no_top.h5", "mobilenetv2"),
        ("fixtures/keras_mobilenetv2/keras3_base.weights.h5", "mobilenetv2"),
        ("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth", "mobilenetv2-torch"),
        ("crates/bundled/assets/efficientnet_lite0.safetensors", "efficientnet-lite0"),
    ] {
        let weights = file(weights);
        let arguments =
            ["train", "pictures", "--input-size", "32", "--weights", &weights, "--output", "m"];
        let run = place.run_with(&arguments).succeeded();
        assert!(run.stdout.contains(&format!("Base        {base} at ")), "{}", run.stdout);
        place.run("predict m pictures").succeeded();
        // A model can serve as the base of another.
        place.run("train pictures --input-size 33 --weights m --output again").succeeded();
    }
}

#[test]
fn how_pictures_are_resized_is_chosen_told_and_kept() {
    let place = Place::with_pictures(6);
    let base = "Base        mobilenetv2 at 32 x 32, ";
    let (own, chosen) = ("2,257,984", "resized by tensorflow, pad to fit, 2,257,984");
    let train = |options: &str, told: &str, model: &str| {
        let run = place.run(&format!("train pictures {options} --output {model}")).succeeded();
        assert!(run.stdout.contains(&format!("{base}{told} parameters")), "{}", run.stdout);
        fs::read(place.path(model)).unwrap()
    };
    let plain = train("--input-size 32", own, "plain");
    let padded = train("--input-size 32 --resize tensorflow --fit pad", chosen, "padded");
    assert!(plain != padded);
    // A model trained on these weights keeps their resizing, unless options change it.
    train("--weights padded", chosen, "again");
    train("--weights padded --resize bilinear --fit stretch", own, "back");
    let options = "--epochs 1 --batch-size 8 --at block_16_project";
    let run = place.run(&format!("fine-tune padded pictures {options}")).succeeded();
    let told = ", resized by tensorflow, pad to fit, 3 classes";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    let run = place.run("features pictures --input-size 32 --fit crop -o x.npy").succeeded();
    assert!(run.stdout.contains("mobilenetv2_1.00_32, crop to fit\n"), "{}", run.stdout);
}

#[test]
fn early_stopping_ends_training_before_the_last_epoch() {
    let place = Place::with_pictures(6);
    let run = place.run(
        "train pictures --input-size 32 --json --output m --head adam --epochs 500 \
         --learning-rate 0.1 --early-stop 2",
    );
    assert!(run.succeeded().json().len() < 500);
}

#[test]
fn a_head_whose_loss_still_falls_is_a_warning_that_names_the_options() {
    let place = Place::with_pictures(10);
    let train = "train pictures --input-size 32 --output m --head adam --learning-rate 0.001";
    let run = place.run(&format!("{train} --epochs 4"));
    let warning = "warning: the head has not learned all it can: its loss still falls after 4 epochs; \
                   take more --epochs or a higher --learning-rate, which `headstart lr-find` finds\n";
    assert_eq!((run.code, run.stderr.as_str()), (0, warning));
    // Two epochs do not show a course.
    place.run(&format!("{train} --epochs 2")).succeeded();
}

#[test]
fn a_class_with_one_picture_is_a_warning() {
    let place = Place::with_pictures(4);
    place.pictures("pictures", &["Coat"], 0..1);
    let run = place.run("train pictures --input-size 32 --output m");
    assert_eq!(run.code, 0);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("warning: class \"Coat\" is not validated"), "{}", run.stderr);
}
