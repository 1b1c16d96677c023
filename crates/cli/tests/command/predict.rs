//! `headstart predict`.

use crate::support::{CLASSES, Place, file, keys};

#[test]
fn every_picture_has_a_line_with_path_label_score_and_all_scores() {
    let place = Place::with_model();
    let lines = place.run("predict model.safetensors pictures --json").succeeded().json();
    assert_eq!(lines.len(), 18);
    for line in &lines {
        assert_eq!(keys(line), ["path", "label", "score", "scores"]);
        let scores = line["scores"].as_object().unwrap();
        let mut classes: Vec<&str> = scores.keys().map(String::as_str).collect();
        assert_eq!(classes[0], line["label"], "the likeliest comes first");
        assert_eq!(scores[classes[0]], line["score"]);
        classes.sort();
        assert_eq!(classes, CLASSES);
        let sum: f64 = scores.values().map(|score| score.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }
    let mut paths: Vec<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted() && paths[0].starts_with("pictures/Bag/"));
    paths.dedup();
    assert_eq!(paths.len(), 18);
}

#[test]
fn top_k_limits_what_is_shown_to_people_and_programs() {
    let place = Place::with_model();
    let picture = place.picture();
    for (option, shown, in_json) in [("", 3, 3), ("--top-k 1", 1, 1), ("--top-k 9", 3, 3)] {
        let run = place.run(&format!("predict model.safetensors {picture} {option}")).succeeded();
        let (path, answer) = run.stdout.trim_end().split_once(": ").unwrap();
        assert_eq!((path, answer.split(", ").count()), (picture.as_str(), shown));
        let run = place.run(&format!("predict model.safetensors {picture} {option} --json"));
        assert_eq!(run.succeeded().json_line()["scores"].as_object().unwrap().len(), in_json);
    }
}

#[test]
fn a_picture_that_fails_has_an_error_and_the_others_are_answered() {
    let place = Place::with_model();
    let picture = place.picture();
    place.write("text.jpg", "this is no picture");
    let arguments = format!("predict model.safetensors missing.png text.jpg {picture}");
    let run = place.run(&format!("{arguments} --json"));
    assert_eq!((run.code, run.stderr.as_str()), (1, ""));
    let lines = run.json();
    assert_eq!(lines.len(), 3);
    for (path, part) in [("missing.png", "cannot be read"), ("text.jpg", "not a picture (text)")] {
        let line = lines.iter().find(|line| line["path"] == path).unwrap();
        assert_eq!(keys(line), ["path", "error"]);
        assert!(line["error"].as_str().unwrap().contains(part), "{line}");
    }
    assert!(lines.iter().any(|line| line["path"] == picture && line["score"].is_number()));

    let run = place.run(&arguments);
    assert_eq!((run.code, run.stdout.lines().count()), (1, 1));
    let errors: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].starts_with("headstart: missing.png: cannot be read"), "{}", errors[0]);
    assert_eq!(errors[1], "headstart: text.jpg: not a picture (text)");
}

#[test]
fn a_bundled_base_with_a_classifier_answers_at_once() {
    let place = Place::with_pictures(1);
    let picture = place.picture();
    let run = place.run(&format!("predict efficientnet-lite0 {picture} --json")).succeeded();
    let line = run.json_line();
    assert_eq!(line["scores"].as_object().unwrap().len(), 1000);
    assert!(line["scores"]["tench"].is_number());
    place.run(&format!("predict mobilenetv2 {picture}")).failed(1, &["mobilenetv2"]);
}

#[test]
fn a_file_of_the_name_of_a_bundled_base_comes_first() {
    let place = Place::with_model();
    std::fs::rename(place.path("model.safetensors"), place.path("efficientnet-lite0")).unwrap();
    let run = place.run(&format!("predict efficientnet-lite0 {} --json", place.picture()));
    assert_eq!(run.succeeded().json_line()["scores"].as_object().unwrap().len(), 3);
}

#[test]
fn what_is_no_model_is_refused_with_what_to_do() {
    let place = Place::with_pictures(1);
    let picture = place.picture();
    for (model, part) in [
        (file("fixtures/keras_mobilenetv2/keras3_whole.h5"), "headstart import"),
        (
            file("crates/bundled/assets/mobilenetv2_1.00_160.safetensors"),
            "headstart train --weights",
        ),
        (picture.clone(), "weights are read from"),
        ("missing.safetensors".to_owned(), "no such file"),
    ] {
        place.run_with(&["predict", &model, &picture]).failed(1, &[&model, part]);
    }
}
