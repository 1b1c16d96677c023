//! `headstart evaluate`.

use crate::support::{CLASSES, Place, keys};

#[test]
fn evaluation_gives_accuracy_precision_recall_and_the_confusion_matrix() {
    let place = Place::with_model();
    place.pictures("unseen", &CLASSES, 6..16);
    place.write("unseen/Bag/text.jpg", "this is no picture");
    let figures = place.run("evaluate model.safetensors unseen --json").succeeded().json_line();
    assert_eq!((&figures["pictures"], &figures["classes"]), (&30.into(), &CLASSES[..].into()));
    assert_eq!(figures["skipped"].as_array().unwrap().len(), 1);
    let count = |i: usize, j: usize| figures["confusion_matrix"][i][j].as_u64().unwrap() as f64;
    let right: f64 = (0..3).map(|i| count(i, i)).sum();
    assert_eq!(figures["accuracy"].as_f64().unwrap(), right / 30.0);
    for (i, class) in CLASSES.iter().enumerate() {
        let of_class = &figures["per_class"][class];
        assert_eq!(keys(of_class), ["precision", "recall", "f1", "support"]);
        assert_eq!(of_class["support"], 10);
        assert_eq!(of_class["recall"].as_f64().unwrap(), count(i, i) / 10.0);
        let taken: f64 = (0..3).map(|j| count(j, i)).sum();
        let precision = if taken == 0.0 { 0.0 } else { count(i, i) / taken };
        assert_eq!(of_class["precision"].as_f64().unwrap(), precision);
    }

    let run = place.run("evaluate model.safetensors unseen").succeeded();
    for part in ["Accuracy    ", "(", " of 30 pictures)", "precision  recall", "Confusion   rows"] {
        assert!(run.stdout.contains(part), "'{part}' is not in: {}", run.stdout);
    }
}

#[test]
fn any_side_of_a_divided_source_can_be_measured_on() {
    let place = Place::with_model();
    for (side, class, count) in [("train", "Bag", 3), ("val", "Bag", 2), ("test", "Sneaker", 1)] {
        place.pictures(&format!("divided/{side}"), &[class], 0..count);
    }
    let pictures = |options: &str| {
        let run = place.run(&format!("evaluate model.safetensors divided --json {options}"));
        assert_eq!(run.code, 0, "{run:?}");
        run.json_line()["pictures"].clone()
    };
    for (options, count) in [("", 2), ("--side train", 3), ("--side val", 2), ("--side test", 1)] {
        assert_eq!(pictures(options), count, "{options}");
    }
    place
        .run("evaluate model.safetensors pictures --side test")
        .failed(1, &["pictures", "contains no labelled pictures for test"]);
    assert_eq!(place.run("evaluate model.safetensors pictures --side elsewhere").code, 2);
}

#[test]
fn measuring_on_what_was_learned_from_is_a_warning() {
    let place = Place::with_model();
    let run = place.run("evaluate model.safetensors pictures --json");
    assert_eq!((run.code, run.json().len()), (0, 1));
    let warning = "warning: the model has learned from 15 of these 18 pictures; ";
    assert!(run.stderr.starts_with(warning), "{}", run.stderr);
    let line = run.json_line();
    assert_eq!(line["warnings"].as_array().unwrap().len(), 1);
    assert_eq!(line["learned_from"], 15);
    assert!(run.stderr.contains("; --side validation measures on the others"), "{}", run.stderr);
    let run = place.run("evaluate model.safetensors pictures");
    let part = " of 18 pictures, 15 of which were learned from)";
    assert!(run.stdout.contains(part), "{}", run.stdout);
    place.pictures("new", &CLASSES, 6..8);
    let run = place.run("evaluate model.safetensors new --json").succeeded();
    assert_eq!(run.json_line()["learned_from"], 0);
}

#[test]
fn a_folder_that_cannot_be_measured_on_is_named() {
    let place = Place::with_model();
    place.pictures("other", &["Coat"], 0..1);
    std::fs::create_dir(place.path("empty")).unwrap();
    let picture = place.picture();
    for (folder, parts) in [
        ("missing", ["missing", "no such file or folder"]),
        ("empty", ["empty", "contains no labelled pictures"]),
        ("other", ["no class \"Coat\"", "it has Bag, Sneaker, Trouser"]),
        (picture.as_str(), ["Bag", "is a file"]),
    ] {
        place.run(&format!("evaluate model.safetensors {folder}")).failed(1, &parts);
    }
}
