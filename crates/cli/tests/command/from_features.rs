//! `headstart train --features`: heads trained on the output of `headstart features`.

use std::fs;

use crate::support::{CLASSES, Place, keys};

#[test]
fn a_head_from_files_of_features_is_the_one_from_the_pictures() {
    let place = Place::with_pictures(12);
    place
        .run("train pictures -o pictures.safetensors --input-size 32 --duplicates exact")
        .succeeded();
    let whole =
        place.run("predict pictures.safetensors pictures --json").succeeded().stdout.clone();
    for format in ["parquet", "safetensors"] {
        // Shards are used in their own order, whatever the names of the files.
        for (index, name) in [(1, "b"), (2, "c"), (3, "a")] {
            let file = format!("part-{name}.{format}");
            place
                .run(&format!("features pictures -o {file} --input-size 32 --shard {index}/3"))
                .succeeded();
        }
        let run = place.run(&format!(
            "train --features part-*.{format} -o features.safetensors --report r.html --json"
        ));
        let done = run.succeeded().json();
        let done = done.iter().find(|event| event["event"] == "done").unwrap();
        assert!(keys(done).contains(&"val_accuracy"));
        assert_eq!((&done["train"], &done["validation"]), (&30.into(), &6.into()));
        let own =
            place.run("predict features.safetensors pictures --json").succeeded().stdout.clone();
        assert_eq!(own, whole, "{format}");
        let page = fs::read_to_string(place.path("r.html")).unwrap();
        assert!(page.contains("<html"));
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = Place::with_pictures(4);
    let features = |arguments: &str| {
        place.run(&format!("features pictures {arguments}")).succeeded();
    };
    features("-o a.parquet --input-size 32");
    features("-o b.safetensors --input-size 64");
    features("-o c.npy --input-size 32");
    features("-o 1.parquet --input-size 32 --shard 1/3");
    features("-o 2.parquet --input-size 32 --shard 2/3");
    features("-o half.parquet --input-size 32 --dtype f16 --shard 3/3");
    let train =
        |arguments: &str| place.run(&format!("train --features {arguments} -o m.safetensors"));
    train("a.parquet b.safetensors")
        .failed(1, &["b.safetensors", "mobilenetv2 at 64 x 64", "mobilenetv2 at 32 x 32"]);
    train("a.parquet --input-size 64")
        .failed(1, &["a.parquet", "at 32 x 32", "at 64 x 64", "--input-size"]);
    train("a.parquet --base efficientnet-lite0").failed(1, &["a.parquet", "efficientnet-lite0"]);
    let run = train("c.npy");
    assert!(run.code == 2 && run.stderr.contains("give --base"), "{}", run.stderr);
    let run = train("c.npy --base mobilenetv2 --input-size 32");
    assert_eq!(run.code, 0, "{}", run.stderr);
    train("a.parquet --labels breed").failed(1, &["breed", "there are: path, label, features"]);
    train("1.parquet 1.parquet").failed(1, &["is part 1/3, as 1.parquet is"]);
    let run = train("half.parquet 1.parquet");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("part 2 of 3 is missing"), "{}", run.stderr);
    train("no-*.parquet").failed(1, &["no-*.parquet", "matches no file"]);
    for option in
        ["--augment standard", "--fine-tune-at from:100", "--export-split s.csv", "--label-from x"]
    {
        let run = train(&format!("a.parquet {option}"));
        assert_ne!(run.code, 0, "{option}: {}", run.stderr);
    }
    for (arguments, missing) in [("train --features a.parquet", "--output"), ("train", "DIR")] {
        let run = place.run(arguments);
        assert_eq!(run.code, 2);
        assert!(run.stderr.contains(missing), "{}", run.stderr);
    }
}

#[test]
fn a_full_disk_is_said_and_nothing_is_left_of_what_did_not_fit() {
    let place = Place::with_pictures(12);
    place.run("features pictures -o x.parquet --input-size 32").succeeded();
    // Parquet is unpacked next to the cache: 36 rows of 1,280 values of 4 bytes.
    let train = "train --features x.parquet --memory 1KB --cache-dir disk -o m.safetensors";
    if let Some((run, left)) = place.run_on_disk("disk", "100k", train) {
        run.failed(1, &["disk", "training keeps about 1 MB here while it runs, and 0 MB are free"]);
        assert_eq!(left, "");
        assert!(!place.path("m.safetensors").exists());
    }
    for (arguments, file) in [
        ("train --features x.parquet -o disk/m.safetensors", "m.safetensors"),
        ("features pictures -o disk/y.parquet --input-size 32", "y.parquet"),
    ] {
        if let Some((run, left)) = place.run_on_disk("disk", "100k", arguments) {
            run.failed(1, &[file, "No space left on device"]);
            assert_eq!(left, "", "{arguments}");
        }
    }
}

#[test]
fn labels_may_be_in_a_column_for_each_class() {
    let place = Place::with_pictures(12);
    place.run("features pictures -o x.npy --input-size 32").succeeded();
    let train = "train --features x.npy --base mobilenetv2 --input-size 32 --json -o";
    let of_labels = place.run(&format!("{train} a.safetensors")).succeeded().json();
    let table = fs::read_to_string(place.path("x.npy.csv")).unwrap();
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let label = header.iter().position(|name| *name == "label").unwrap();
    let path = header.iter().position(|name| *name == "path").unwrap();
    let mut marked = format!("path,{}\n", CLASSES.join(","));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let marks = CLASSES.map(|class| if cells[label] == class { "1" } else { "0" });
        marked += &format!("{},{}\n", cells[path], marks.join(","));
    }
    place.write("x.npy.csv", marked);
    let labels = CLASSES.map(|class| format!("--labels {class}")).join(" ");
    let of_marks = place.run(&format!("{train} b.safetensors {labels}")).succeeded().json();
    let figures = |events: &[serde_json::Value]| {
        let done = events.iter().find(|event| event["event"] == "done").unwrap();
        ["classes", "train", "val_accuracy", "val_loss"].map(|name| done[name].clone())
    };
    assert_eq!(figures(&of_marks), figures(&of_labels));
}
