//! Which pictures are used, how they are labelled, and how they are split.

use std::fs;

use crate::support::{CLASSES, Place, keys};

/// A folder `flat` with six pictures per class, called CLASS-number.png.
fn flat() -> Place {
    let place = Place::with_pictures(6);
    for class in CLASSES {
        for (index, name) in place.below(&format!("pictures/{class}")).iter().enumerate() {
            let bytes = fs::read(place.path(&format!("pictures/{class}/{name}"))).unwrap();
            place.write(&format!("flat/{class}-{index}.png"), bytes);
        }
    }
    place
}

/// Writes a manifest `list.csv` of these, with the last two pictures of each class for validation.
fn manifest(place: &Place) {
    let mut table = "label,path,split,group,weight\n".to_owned();
    for class in CLASSES {
        for index in 0..6 {
            let side = if index < 4 { "train" } else { "validation" };
            table += &format!("{class},flat/{class}-{index}.png,{side},,2\n");
        }
    }
    place.write("list.csv", table);
}

#[test]
fn labels_come_from_paths_in_every_command_that_needs_them() {
    let place = flat();
    place.write("flat/readme.txt", "no picture");
    place.write("flat/other.png", fs::read(place.path(&place.picture())).unwrap());
    let pattern = "--label-from ([A-Z][a-z]+)-";
    let run = place.run(&format!("train flat {pattern} --input-size 32 --output m --json"));
    let done = run.succeeded().json().pop().unwrap();
    assert_eq!((&done["pictures"], &done["classes"]), (&18.into(), &CLASSES[..].into()));
    let reasons: Vec<&str> =
        done["skipped"].as_array().unwrap().iter().map(|s| s["reason"].as_str().unwrap()).collect();
    let says = "1 path does not match ([A-Z][a-z]+)-: other.png";
    assert_eq!(reasons, [says, "not a picture (text)"]);

    for arguments in [format!("evaluate m flat {pattern} --json"), "evaluate m flat --json".into()]
    {
        let run = place.run(&arguments);
        assert_eq!((run.code, &run.json_line()["pictures"]), (0, &18.into()), "{arguments}");
    }
    let text = place.run("evaluate m flat").stdout;
    assert!(text.contains("Labels      from paths by ([A-Z][a-z]+)-, as the model's"), "{text}");
    place.run(&format!("features flat {pattern} --input-size 32 --output f.npy")).succeeded();
    let table = fs::read_to_string(place.path("f.npy.csv")).unwrap();
    assert!(table.contains("flat/Bag-0.png,Bag\n") && !table.contains("other"), "{table}");
    let files =
        format!("features flat/Bag-0.png flat/other.png {pattern} --input-size 32 -o g.npy");
    let text = place.run(&files).succeeded().stdout;
    assert!(text.contains("flat/other.png: its path does not match ([A-Z][a-z]+)-"), "{text}");
    let table = fs::read_to_string(place.path("g.npy.csv")).unwrap();
    assert_eq!(table, "path,label\nflat/Bag-0.png,Bag\n");
    let tune = "--at 150 --epochs 1 --batch-size 8 --output tuned --json";
    for more in ["", pattern] {
        let run = place.run(&format!("fine-tune m flat {tune} {more}"));
        let done = run.succeeded().json().pop().unwrap();
        assert_eq!((&done["train"], &done["validation"]), (&15.into(), &3.into()), "{more}");
    }
    let find = "--steps 20 --batch-size 8 --json";
    let event = place.run(&format!("lr-find flat {pattern} --input-size 32 {find}")).json().pop();
    assert_eq!(event.unwrap()["train"], 15);
    let event = place.run(&format!("lr-find m --at 150 {find}")).json().pop();
    assert_eq!(event.unwrap()["train"], 15);
}

#[test]
fn patterns_that_are_none_or_match_nothing_are_told_in_a_line() {
    let place = flat();
    place
        .run("train flat --label-from nothing --output m")
        .failed(1, &["--label-from nothing: matches none of the paths, such as Bag-0.png"]);
    place
        .run("train pictures --group-from nothing --output m")
        .failed(1, &["--group-from nothing: matches none of the paths, such as Bag/"]);
    let run = place.run("train pictures --group-from (\\d)\\D*$ --input-size 32 --output m");
    let groups = run.succeeded().stdout;
    assert!(groups.contains("\nGroups      ") && groups.contains(", none of them divided\n"));
    let run = place.run("train flat --label-from ([A-Z --output m");
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("([A-Z is not a regular expression: unclosed"), "{}", run.stderr);
}

#[test]
fn a_manifest_is_taken_wherever_a_folder_is() {
    let place = flat();
    manifest(&place);
    let run = place.run("train list.csv --input-size 32");
    assert!(run.stdout.contains("Split       12 to learn from, 6 held back"), "{run:?}");
    assert!(place.path("list.safetensors").exists());
    let figures = place.run("evaluate list.safetensors list.csv --json").succeeded().json_line();
    assert_eq!(figures["pictures"], 6);
    place.write("unlabelled.csv", "path\nflat/Bag-0.png\nflat/Coat-0.png\n");
    let run = place.run("predict list.safetensors unlabelled.csv");
    assert_eq!((run.code, run.stdout.lines().count(), run.stderr.lines().count()), (1, 1, 1));
    assert!(run.stdout.starts_with("flat/Bag-0.png: "), "{}", run.stdout);
    place.run("features list.csv --input-size 32 --output f.npy").succeeded();
    let table = fs::read_to_string(place.path("f.npy.csv")).unwrap();
    assert_eq!(table.lines().count(), 19);
    let run =
        place.run("fine-tune list.safetensors list.csv --at 150 --epochs 1 --batch-size 6 --json");
    let done = run.succeeded().json().pop().unwrap();
    assert_eq!((&done["train"], &done["validation"]), (&12.into(), &6.into()));

    place.write("bad.csv", "path,label\n\"flat/Bag-0.png\",x\nb,\n");
    place.run("train bad.csv --output m").failed(1, &["bad.csv", "only the class \"x\""]);
    place.write("bad.csv", "path,label,weight\na,x,1\nb,y,-2\n");
    let parts = ["bad.csv: line 3, column \"weight\": \"-2\" is no weight; give a number"];
    for command in ["train bad.csv --output m", "evaluate list.safetensors bad.csv"] {
        place.run(command).failed(1, &parts);
    }
    for option in ["--val-split 0.1", "--folds 3"] {
        let run = place.run(&format!("train list.csv {option} --output m"));
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains("already has a split"), "{}", run.stderr);
    }
}

#[test]
fn a_split_is_exported_and_given_again() {
    let place = Place::with_pictures(6);
    let train = |arguments: &str| {
        let run = place.run(&format!("train {arguments} --input-size 32 --output m --json"));
        let done = run.succeeded().json().pop().unwrap();
        (done["train"].clone(), done["val_accuracy"].clone(), done["val_loss"].clone())
    };
    let first = train("pictures --val-split 0.5 --seed 3 --export-split split.csv");
    assert_eq!(first, train("split.csv --seed 3"));
    let table = fs::read_to_string(place.path("split.csv")).unwrap();
    assert!(table.starts_with("path,label,split\npictures/Bag/"), "{table}");
    assert_eq!(table.matches(",validation\n").count(), 9);
    place
        .run("train pictures --output m --export-split no/split.csv")
        .failed(1, &["no/split.csv", "cannot write"]);
    place
        .run("train pictures --output m --export-split split.txt")
        .failed(1, &["split.txt", "call it .csv, or it is no manifest"]);
    // An archive is refused before the work is done, too.
    let mut archive = tar::Builder::new(fs::File::create(place.path("pictures.tar")).unwrap());
    archive.append_dir_all("pictures", place.path("pictures")).unwrap();
    archive.finish().unwrap();
    place
        .run("train pictures.tar --output other --export-split other.csv")
        .failed(1, &["other.csv", "is no file of its own, which a manifest needs"]);
    assert!(!place.path("other").exists() && !place.path("other.csv").exists());
}

#[test]
fn folds_are_reported_one_by_one_with_mean_and_deviation() {
    let place = Place::with_pictures(10);
    let run = place.run("train pictures --input-size 32 --folds 5 --output m --json").succeeded();
    let done = run.json().pop().unwrap();
    assert_eq!((&done["train"], &done["validation"]), (&30.into(), &0.into()));
    assert!(done["val_accuracy"].is_null() && done["per_class"]["Bag"]["support"] == 10);
    let folds = &done["folds"];
    assert_eq!(keys(folds), ["accuracy", "loss", "macro_recall", "folds"]);
    assert_eq!(keys(&folds["accuracy"]), ["mean", "std"]);
    let each = folds["folds"].as_array().unwrap();
    assert_eq!(each.len(), 5);
    assert_eq!(keys(&each[0]), ["train", "validation", "accuracy", "loss", "macro_recall"]);
    assert!(each.iter().all(|fold| fold["validation"] == 6));

    let text = place.run("train pictures --input-size 32 --output m").succeeded().stdout;
    let few = "Note        accuracy on 6 held-out pictures is only a rough figure; --folds 5 measures it on all 30";
    assert!(text.contains(few), "{text}");
    // Folds are not suggested where they would be refused.
    place.run("train pictures --input-size 32 --output m --export-split split.csv").succeeded();
    for command in ["train split.csv", "train pictures --head adam --epochs 1 --augment tutorial"] {
        let text = place.run(&format!("{command} --input-size 32 --output m")).succeeded().stdout;
        let few = "accuracy on 6 held-out pictures is only a rough figure\n";
        assert!(text.contains(few), "{text}");
    }
    let text = place.run("train pictures --input-size 32 --folds 5 --output m").succeeded().stdout;
    for part in [
        "Split       30 to learn from, 5 folds",
        "Folds        1  accuracy ",
        "(6 of 30 pictures held out)",
        " (mean and deviation of the folds)",
        "the model has learned from all pictures",
    ] {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    for (options, part) in [
        ("--folds 1", "2"),
        ("--folds 3 --val-split 0.5", "--val-split"),
        ("--folds 3 --val-dir pictures", "--val-dir"),
        ("--folds 3 --fine-tune-at 100", "cannot be combined with --fine-tune-at"),
        ("--folds 3 --augment tutorial --head adam", "not augmented"),
    ] {
        let run = place.run(&format!("train pictures {options} --output m"));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{options}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{options}: {}", run.stderr);
    }
}
