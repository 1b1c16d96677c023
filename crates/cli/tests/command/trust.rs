//! What scores are worth: `calibrate`, `--calibrate`, `predict --coverage`, and the figures.

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
    let run = place.run("calibrate fit.safetensors pictures");
    assert!(run.code == 0 && run.stdout.contains("Temperature "), "{}", run.stdout);
    assert!(run.stderr.contains("the model has learned from"), "{}", run.stderr);
    let nothing = "calibrate fit.safetensors nowhere";
    place.run(nothing).failed(1, &["nowhere", "no such file or folder"]);
}

#[test]
fn a_set_of_labels_comes_with_a_promise_or_a_reason_why_not() {
    let place = place();
    let line = place.run("predict model.safetensors unseen --coverage 0.9 --json --top-k 1");
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
    run.failed(1, &["does not know how often it is right", "headstart calibrate"]);
}
