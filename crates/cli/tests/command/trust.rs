//! How far scores can be trusted: `calibrate`, `--calibrate`, `predict --coverage`, and the figures.

use crate::support::{CLASSES, Place};

fn place() -> Place {
    let place = Place::new();
    place.pictures("pictures", &CLASSES, 0..20);
    place.pictures("unseen", &CLASSES, 20..40);
    place.run("train pictures -o model.safetensors --json").succeeded();
    place
}

#[test]
fn evaluation_tells_how_far_scores_are_from_what_they_say_before_and_after() {
    let place = place();
    let line = place.run("evaluate model.safetensors unseen --json").succeeded().json_line();
    for key in ["ece", "ece_uncalibrated", "adaptive_ece", "brier", "loss"] {
        assert!(line[key].as_f64().is_some_and(|x| x >= 0.0), "{key}: {line}");
    }
    let run = place.run("evaluate model.safetensors unseen").succeeded();
    assert!(run.stdout.contains("before calibration), Brier score"), "{}", run.stdout);
    place.run("train pictures -o plain.safetensors --calibrate none").succeeded();
    let line = place.run("evaluate plain.safetensors unseen --json").succeeded().json_line();
    assert!(line["ece_uncalibrated"].is_null() && line["ece"].is_number());
}

#[test]
fn a_model_learns_afterwards_what_its_scores_are_worth() {
    let place = place();
    place.run("train pictures -o plain.safetensors --calibrate none").succeeded();
    let done = place.run("calibrate plain.safetensors unseen -o fit.safetensors --json");
    let done = done.succeeded().json_line();
    assert_eq!((&done["event"], &done["pictures"]), (&"done".into(), &60.into()));
    assert!(done["temperature"][0].as_f64().unwrap() > 0.0);
    assert!(
        done["ece_uncalibrated"].is_number() && done["warnings"].as_array().unwrap().is_empty()
    );
    let run = place.run("calibrate fit.safetensors unseen").succeeded();
    assert!(run.stdout.contains("Temperature "), "{}", run.stdout);
    // So few pictures are not enough to learn to recognise unknown ones.
    place.pictures("few", &CLASSES, 40..43);
    place.run("train pictures -o plain.safetensors --no-unknown").succeeded();
    let run = place.run("calibrate plain.safetensors few").succeeded();
    assert!(run.stdout.contains("Unknown     not told: there are too few"), "{}", run.stdout);
    let nothing = "calibrate fit.safetensors nowhere";
    place.run(nothing).failed(1, &["nowhere", "no such file or folder"]);
}

#[test]
fn pictures_that_were_learned_from_never_calibrate() {
    let place = place();
    // Some of these were learned from, which is a warning.
    let all = place.run("evaluate model.safetensors pictures --json").json_line();
    let learned = all["learned_from"].as_u64().unwrap();
    let held_back = all["pictures"].as_u64().unwrap() - learned;
    for (side, pictures, learned_from) in
        [("train", learned, learned), ("validation", held_back, 0)]
    {
        let run = place.run(&format!("evaluate model.safetensors pictures --side {side} --json"));
        let line = run.json_line();
        let found = (line["pictures"].as_u64(), line["learned_from"].as_u64());
        assert_eq!(found, (Some(pictures), Some(learned_from)), "{side}");
    }
    // The pictures held back are too few, so that everything stays as it was.
    let run = place.run("calibrate model.safetensors pictures -o again.safetensors").succeeded();
    assert!(run.stdout.contains("Temperature left as it is: there are too few pictures; 20"));
    let answers = |model: &str| place.run(&format!("predict {model} unseen --json")).stdout;
    assert_eq!(answers("again.safetensors"), answers("model.safetensors"));
    place.run("train pictures -o all.safetensors --folds 2").succeeded();
    let run = place.run("calibrate all.safetensors pictures");
    run.failed(1, &["pictures: the model has learned from all of its pictures"]);
    place
        .run("evaluate all.safetensors pictures --side validation")
        .failed(1, &["the model has learned from all of its pictures"]);
}

#[test]
fn a_set_of_labels_comes_with_a_promise_or_a_reason_why_not() {
    let place = place();
    let line =
        place.run("predict model.safetensors unseen --coverage 0.9 --json --top-k 1 --no-unknown");
    for answer in line.succeeded().json() {
        let set = answer["set"].as_array().unwrap();
        assert!(set[0] == answer["label"] && set.len() <= 3, "{answer}");
    }
    let run = place.run("predict model.safetensors unseen/Bag --coverage 0.9").succeeded();
    assert!(run.stdout.lines().all(|line| line.contains("; in 90 % of cases: ")), "{}", run.stdout);
    let run = place.run("predict model.safetensors unseen --coverage 0.999");
    run.failed(1, &["999 pictures", "are missing", "headstart calibrate"]);
    for share in ["0", "1", "90", "x"] {
        assert_eq!(
            place.run(&format!("predict model.safetensors unseen --coverage {share}")).code,
            2
        );
    }
    let run = place.run("predict efficientnet-lite0 unseen --coverage 0.9");
    run.failed(1, &["has no coverage data", "headstart calibrate"]);
}

#[test]
fn a_picture_of_no_class_is_unknown_unless_that_is_not_asked_for() {
    let place = Place::new();
    place.pictures("pictures", &["Bag", "Sneaker"], 0..30);
    place.pictures("unseen", &["Bag", "Sneaker"], 30..50);
    place.pictures("others", &["Trouser"], 0..20);
    place.run("train pictures -o model.safetensors --json").succeeded();
    let answers = place.run("predict model.safetensors others/Trouser --json").succeeded().json();
    let unknown: Vec<_> = answers.iter().filter(|answer| answer["unknown"] == true).collect();
    assert!(unknown.len() >= 10, "{answers:?}");
    for answer in &unknown {
        assert!(answer["label"].is_null() && answer["score"].is_null(), "{answer}");
        assert!(answer["unknown_score"].is_number() && answer["scores"]["Bag"].is_number());
    }
    let text = place.run("predict model.safetensors others/Trouser").succeeded().stdout;
    assert_eq!(text.matches(": unknown (nearest: ").count(), unknown.len(), "{text}");
    let known = place.run("predict model.safetensors unseen --json").succeeded().json();
    let known = known.iter().filter(|answer| answer["unknown"] == false);
    assert!(known.filter(|answer| answer["label"].is_string()).count() >= 30);
    let never = "predict model.safetensors others/Trouser --no-unknown --json";
    for answer in place.run(never).succeeded().json() {
        assert!(answer["label"].is_string() && answer["unknown"].is_null(), "{answer}");
    }
    place.run("train pictures -o plain.safetensors --no-unknown").succeeded();
    let line = place.run("evaluate plain.safetensors unseen --json").succeeded().json_line();
    assert!(line["turned_away"].is_null(), "{line}");
    let size = |file: &str| std::fs::metadata(place.path(file)).unwrap().len();
    let (with, without) = (size("model.safetensors"), size("plain.safetensors"));
    assert!(with > without && with < without * 13 / 10, "{with} for {without}");
    // It can learn that afterwards.
    place.run("calibrate plain.safetensors unseen -o later.safetensors").succeeded();
    let run = place.run("evaluate later.safetensors unseen --unknown-dir others --json");
    assert!(run.succeeded().json_line()["unknown_auroc"].as_f64().unwrap() > 0.7);
    for rate in ["1", "-0.1", "x"] {
        let run = format!("train pictures -o x.safetensors --unknown-rate={rate}");
        assert_eq!(place.run(&run).code, 2);
    }
}

#[test]
fn evaluation_tells_how_unknown_pictures_are_told() {
    let place = Place::new();
    place.pictures("pictures", &["Bag", "Sneaker"], 0..30);
    place.pictures("unseen", &["Bag", "Sneaker"], 30..50);
    place.pictures("others", &["Trouser"], 0..20);
    place.run("train pictures -o model.safetensors --json").succeeded();
    let beside = "evaluate model.safetensors unseen --unknown-dir others --json";
    let line = place.run(beside).succeeded().json_line();
    assert_eq!((&line["pictures"], &line["unknown_pictures"]), (&40.into(), &20.into()));
    assert!(line["unknown_auroc"].as_f64().unwrap() > 0.8, "{line}");
    assert!(line["unknown_fpr95"].is_number() && line["turned_away"].as_u64().unwrap() < 10);
    // A folder `unknown` beside the class folders gives the same result.
    std::fs::rename(place.path("others/Trouser"), place.path("unseen/unknown")).unwrap();
    let within = place.run("evaluate model.safetensors unseen --json").succeeded().json_line();
    assert_eq!(within["unknown_auroc"], line["unknown_auroc"]);
    assert_eq!(within["accuracy"], line["accuracy"]);
    let run = place.run("evaluate model.safetensors unseen").succeeded();
    assert!(run.stdout.contains("of 20 unknown ones; AUROC"), "{}", run.stdout);
    place.run("train pictures -o plain.safetensors --no-unknown").succeeded();
    let run = place.run("evaluate plain.safetensors unseen");
    run.failed(1, &["cannot recognise unknown pictures", "headstart calibrate"]);
    let run = place.run("evaluate model.safetensors pictures --unknown-dir nowhere");
    run.failed(1, &["nowhere"]);
}
