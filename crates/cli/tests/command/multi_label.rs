//! Pictures with several labels.

use std::fs;

use image::imageops;
use serde_json::Value;

use crate::support::{CLASSES, Place, keys};

const OPTIONS: &str = "--input-size 32 --json --output m";

/// A place with `list.csv`: pictures of one class, and pairs side by side, which have both labels.
fn with_pairs() -> Place {
    let place = Place::with_pictures(12);
    let names = CLASSES.map(|class| place.below(&format!("pictures/{class}")));
    let mut rows = String::from("path,labels\n");
    for (class, names) in CLASSES.iter().zip(&names) {
        names.iter().for_each(|name| rows += &format!("pictures/{class}/{name},{class}|\n"));
    }
    for n in 0..30 {
        let classes = [n % 3, (n + 1 + n / 15) % 3];
        let [left, right] = classes.map(|class| {
            let path = format!("pictures/{}/{}", CLASSES[class], names[class][(n + class) % 12]);
            image::open(place.path(&path)).unwrap().to_rgb8()
        });
        let mut both = image::RgbImage::new(2 * left.width(), left.height());
        imageops::replace(&mut both, &left, 0, 0);
        imageops::replace(&mut both, &right, left.width().into(), 0);
        both.save(place.path(&format!("pair{n:02}.png"))).unwrap();
        rows += &format!("pair{n:02}.png,{}|{}\n", CLASSES[classes[0]], CLASSES[classes[1]]);
    }
    place.write("list.csv", rows);
    place
}

/// The last event of a run.
fn done(place: &Place, arguments: &str) -> Value {
    place.run(arguments).succeeded().json().pop().unwrap()
}

#[test]
fn each_head_is_trained_measured_and_says_every_label_above_its_threshold() {
    let place = with_pairs();
    for head in
        ["lbfgs", "lbfgs --folds 3", "lbfgs --balance", "adam --epochs 30 --learning-rate 0.03"]
    {
        let event = done(&place, &format!("train list.csv {OPTIONS} --head {head}"));
        assert_eq!(event["pictures"], 66);
        let figures = &event["multi_label"];
        assert_eq!(
            keys(figures),
            [
                "mean_average_precision",
                "micro_f1",
                "macro_f1",
                "subset_accuracy",
                "average_precision",
                "thresholds"
            ]
        );
        assert_eq!(keys(&figures["average_precision"]), CLASSES);
        let mean = figures["mean_average_precision"].as_f64().unwrap();
        assert!(mean > 0.65 && mean <= 1.0, "--head {head}: {mean}");

        let evaluated = place.run("evaluate m list.csv --json --no-cache");
        let evaluated = evaluated.json_line();
        assert_eq!(evaluated["multi_label"]["thresholds"], figures["thresholds"]);
        assert_eq!(evaluated["accuracy"], evaluated["multi_label"]["subset_accuracy"]);
        assert_eq!(evaluated["confusion_matrix"], serde_json::json!([]));
        let predict = "predict m pair00.png pair01.png pair02.png pictures/Bag --json";
        if head.starts_with("lbfgs") {
            for answer in place.run(predict).succeeded().json() {
                assert_eq!(keys(&answer), ["path", "labels", "unknown", "unknown_score", "scores"]);
                let known = answer["unknown"] == false || answer["labels"] == serde_json::json!([]);
                assert!(known, "{answer}");
            }
        }
        let answers = place.run(&format!("{predict} --no-unknown"));
        for answer in answers.succeeded().json() {
            assert_eq!(keys(&answer), ["path", "labels", "scores"]);
            let scores = answer["scores"].as_object().unwrap();
            let above = scores.iter().filter(|(class, score)| {
                score.as_f64().unwrap() as f32
                    >= figures["thresholds"][class].as_f64().unwrap() as f32
            });
            let above: Vec<&String> = above.map(|(class, _)| class).collect();
            assert_eq!(answer["labels"], serde_json::json!(above));
            assert_eq!(scores.len(), 3);
        }
    }
}

#[test]
fn labels_that_cannot_be_excluded_come_with_a_promise_or_a_reason_why_not() {
    let place = with_pairs();
    done(&place, &format!("train list.csv {OPTIONS}"));
    let answers = place.run("predict m pair00.png pair01.png pictures/Bag --coverage 0.9 --json");
    let mut found = 0;
    for answer in answers.succeeded().json() {
        let set = answer["set"].as_array().unwrap();
        found += answer["labels"].as_array().unwrap().iter().filter(|l| set.contains(l)).count();
        assert!(set.iter().all(|label| answer["scores"][label.as_str().unwrap()].is_number()));
    }
    assert!(found >= 12, "{found}");
    let run = place.run("predict m pair00.png --coverage 0.9").succeeded();
    assert!(run.stdout.contains("; not to be excluded at 90 %: "), "{}", run.stdout);
    let run = place.run("predict m pair00.png --coverage 0.99");
    run.failed(1, &["needs 99 pictures", "are missing of ", "headstart calibrate"]);
}

#[test]
fn a_picture_of_none_of_the_labels_is_unknown() {
    let place = with_pairs();
    for (name, value) in [("dark", 3), ("grey", 128)] {
        let noise = |x: u32, y: u32| image::Rgb([((x * 97 + y * 61) % 7 * value / 7) as u8; 3]);
        std::fs::create_dir_all(place.path("others")).unwrap();
        for n in 0..6 {
            let picture = image::RgbImage::from_fn(40 + n, 28, |x, y| noise(x * n, y));
            picture.save(place.path(&format!("others/{name}{n}.png"))).unwrap();
        }
    }
    // The output reports that the model has learned from these pictures.
    let evaluated = || -> Value {
        let run = place.run("evaluate m list.csv --unknown-dir others --json");
        serde_json::from_str(&run.stdout).unwrap()
    };
    done(&place, &format!("train list.csv {OPTIONS}"));
    let line = evaluated();
    assert_eq!(line["unknown_pictures"], 12);
    assert!(line["unknown_auroc"].as_f64().unwrap() > 0.9, "{line}");
    let run = place.run("predict m others").succeeded();
    assert!(run.stdout.matches(": unknown (nearest: ").count() >= 6, "{}", run.stdout);
    // A model trained without unknown detection can learn it afterwards.
    done(&place, &format!("train list.csv {OPTIONS} --no-unknown"));
    let run = place.run("evaluate m list.csv --unknown-dir others");
    run.failed(1, &["cannot recognise unknown pictures", "headstart calibrate"]);
    // Too few pictures are held back.
    assert_eq!(place.run("calibrate m list.csv --side train --json").code, 0);
    let line = evaluated();
    assert!(line["unknown_auroc"].as_f64().unwrap() > 0.9, "{line}");
}

#[test]
fn what_people_see_has_the_figures_of_several_labels() {
    let place = with_pairs();
    let run = place.run("train list.csv --input-size 32 --output m").succeeded();
    for part in [
        "Pictures    66 in 3 classes (list.csv)",
        "Labels      any number a picture, 1.45 on average: 30 have several\n",
        "mAP         ",
        "(mean average precision, ",
        "F1          ",
        " micro, ",
        " with exactly their labels)",
        "label    pictures     AP  threshold  precision  recall",
    ] {
        assert!(run.stdout.contains(part), "'{part}' is not in: {}", run.stdout);
    }
    let run = place.run("train list.csv --input-size 32 --output m --head adam --val-split 0");
    assert!(run.stderr.contains("every label's threshold is 0.5"), "{}", run.stderr);
    let run = place.run("predict m pair00.png --top-k 3").succeeded();
    assert_eq!(run.stdout.matches(", ").count(), 2, "{}", run.stdout);
}

#[test]
fn training_again_gives_the_same_model_and_its_split_reads_back_as_the_same() {
    let place = with_pairs();
    let first = done(&place, &format!("train list.csv {OPTIONS} --export-split split.csv"));
    let bytes = fs::read(place.path("m")).unwrap();
    done(&place, &format!("train list.csv {OPTIONS} --threads 1"));
    assert!(bytes == fs::read(place.path("m")).unwrap());
    let again = done(&place, "train split.csv --input-size 32 --json --output again");
    for key in ["train", "validation", "multi_label"] {
        assert_eq!(first[key], again[key]);
    }
}

#[test]
fn a_picture_in_the_folders_of_several_classes_has_all_when_that_is_asked_for() {
    let place = Place::with_pictures(8);
    let bags = place.below("pictures/Bag");
    // A copy of a file, and another file with the same pixels.
    let path = |class: &str, name: &str| place.path(&format!("pictures/{class}/{name}"));
    fs::copy(path("Bag", &bags[0]), path("Sneaker", "copy.png")).unwrap();
    image::open(path("Bag", &bags[1]))
        .unwrap()
        .to_rgb8()
        .save(path("Trouser", "same.bmp"))
        .unwrap();

    let run = place.run(&format!("train pictures {OPTIONS} --multi-label --val-split 0"));
    let event = run.succeeded().json().pop().unwrap();
    assert_eq!((&event["pictures"], &event["multi_label"]), (&25.into(), &Value::Null));
    assert_eq!(event["warnings"], serde_json::json!([]));
    // A multi-label model interprets folders in this way by default.
    let run = place.run("evaluate m pictures --json");
    let support = |class: &str| run.json_line()["per_class"][class]["support"].clone();
    assert_eq!([support("Bag"), support("Sneaker"), support("Trouser")], [9, 9, 10]);

    let run = place.run(&format!("train pictures {OPTIONS}"));
    assert!(run.stderr.contains("same pixels and different labels"), "{}", run.stderr);
}

#[test]
fn weights_of_pictures_count_for_all_their_labels() {
    let place = with_pairs();
    let list = fs::read_to_string(place.path("list.csv")).unwrap();
    let mut lines = list.lines();
    let mut weighted = format!("{},weight\n", lines.next().unwrap());
    for line in lines {
        let weight = if line.contains("Trouser") { 0 } else { 2 };
        weighted += &format!("{line},{weight}\n");
    }
    place.write("weighted.csv", weighted);
    let run = place.run(&format!("train weighted.csv {OPTIONS} --val-split 0.2"));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.contains("\"Trouser\" is never predicted"), "{}", run.stderr);
    for answer in place.run("predict m pictures --json").succeeded().json() {
        let labels = answer["labels"].as_array().unwrap();
        assert!(labels.iter().all(|label| label != "Trouser"), "{answer}");
    }
}

#[test]
fn fine_tuning_goes_on_with_several_labels() {
    let place = with_pairs();
    done(&place, &format!("train list.csv {OPTIONS}"));
    let options = "--epochs 2 --fine-tune-at block_16_project --json --output tuned";
    let event = done(&place, &format!("fine-tune m list.csv {options}"));
    assert_eq!(event["event"], "done");
    assert!(event["multi_label"]["mean_average_precision"].is_number(), "{event}");
    done(&place, &format!("train list.csv {OPTIONS} --val-split 0"));
    let run = place.run(&format!("fine-tune m list.csv --val-split 0 {options}"));
    assert!(run.stderr.contains("thresholds are those from before"), "{}", run.stderr);
    let answer = place.run("predict tuned pair00.png --json").succeeded().json_line();
    assert_eq!(keys(&answer), ["path", "labels", "scores"]);
}

#[test]
fn a_model_of_one_label_is_not_measured_on_several() {
    let place = with_pairs();
    done(&place, &format!("train pictures {OPTIONS}"));
    let parts = ["gives one label", "several"];
    place.run("evaluate m list.csv").failed(1, &parts);
    place.run("fine-tune m list.csv --epochs 1").failed(1, &parts);
}

#[test]
fn features_have_all_labels_beside_them() {
    let place = with_pairs();
    place.run("features list.csv --input-size 32 -o f.npy").succeeded();
    let table = fs::read_to_string(place.path("f.npy.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("path,labels"));
    assert!(lines.any(|line| line == "pair00.png,Bag|Sneaker"), "{table}");
    place.run("features list.csv --input-size 32 -o f.parquet").succeeded();
}

#[test]
fn an_audit_says_what_it_does_not_look_for() {
    let place = with_pairs();
    let run = place.run("audit list.csv --input-size 32").succeeded();
    assert!(run.stdout.contains("wrong ones are not looked for"), "{}", run.stdout);
    let events = place.run("audit list.csv --input-size 32 --json").succeeded().json();
    let classes = &events.last().unwrap()["classes"];
    assert_eq!(CLASSES.map(|class| classes[class].as_u64().unwrap()), [32, 32, 32]);
}
