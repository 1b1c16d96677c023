//! `headstart explain`.

use std::fs;

use crate::support::{Place, keys};

/// The shape and values of an `.npy` of f32.
fn npy(bytes: &[u8]) -> (Vec<usize>, Vec<f32>) {
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert!(header.contains("'descr': '<f4'") && header.contains("'fortran_order': False"));
    let shape = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let shape = shape.split(", ").map(|side| side.parse().unwrap()).collect();
    let values = bytes[10 + length..].as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
    (shape, values.collect())
}

#[test]
fn every_picture_has_a_line_and_an_overlay_of_what_the_model_answers() {
    let place = Place::with_model();
    let run = place.run("explain model.safetensors pictures/Bag --output why/not").succeeded();
    let predicted = place.run("predict model.safetensors pictures/Bag --json").succeeded().json();
    assert_eq!((run.stdout.lines().count(), predicted.len()), (6, 6));
    let mut files = place.below("why/not");
    for (line, predicted) in run.stdout.lines().zip(predicted) {
        let (path, answer) = line.split_once(": ").unwrap();
        let (answer, file) = answer.split_once(", ").unwrap();
        let (label, score) = (predicted["label"].as_str().unwrap(), &predicted["score"]);
        assert_eq!(path, predicted["path"].as_str().unwrap());
        assert_eq!(answer, format!("{label} {:.3}", score.as_f64().unwrap()));
        let stem = path.rsplit('/').next().unwrap().trim_end_matches(".png");
        assert_eq!(file, format!("why/not/{stem}.{label}.png"));
        let picture = image::open(place.path(file)).unwrap();
        assert_eq!((picture.width(), picture.height()), (256, 256));
        files.retain(|name| !file.ends_with(name));
    }
    assert_eq!(files, Vec::<String>::new());
}

#[test]
fn classes_are_asked_for_by_name_and_raw_maps_add_up_to_the_logit() {
    let place = Place::with_model();
    let picture = place.picture();
    let asked = "--class Trouser --class Bag --raw --json -o why";
    let lines = place.run(&format!("explain model.safetensors {picture} {asked}")).succeeded();
    let lines = lines.json();
    let classes: Vec<&str> = lines.iter().map(|line| line["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["Trouser", "Bag"]);
    for line in &lines {
        assert_eq!(keys(line), ["path", "class", "score", "logit", "bias", "file", "raw"]);
        assert_eq!(line["path"], picture.as_str());
        assert!(place.path(line["file"].as_str().unwrap()).exists());
        let (shape, values) = npy(&fs::read(place.path(line["raw"].as_str().unwrap())).unwrap());
        assert_eq!(shape.iter().product::<usize>(), values.len());
        let mean = f64::from(values.iter().sum::<f32>()) / values.len() as f64;
        let off = mean + line["bias"].as_f64().unwrap() - line["logit"].as_f64().unwrap();
        assert!(off.abs() < 1e-4, "{line}");
    }
    assert_eq!(place.below("why").len(), 4);
}

#[test]
fn pictures_of_one_name_do_not_replace_each_other() {
    let place = Place::with_model();
    let picture = fs::read(place.path(&place.picture())).unwrap();
    for path in ["a/1.png", "b/1.png", "c/1.PNG"] {
        place.write(path, &picture);
    }
    let explain = "explain model.safetensors a b c --class Bag --output why";
    for _ in 0..2 {
        place.run(explain).succeeded();
        assert_eq!(place.below("why"), ["1-2.Bag.png", "1-3.Bag.png", "1.Bag.png"]);
    }
}

#[test]
fn no_picture_that_is_explained_is_written_over() {
    let place = Place::with_model();
    let picture = fs::read(place.path(&place.picture())).unwrap();
    for path in ["a/1.png", "a/1.Bag.png"] {
        place.write(path, &picture);
    }
    for output in ["a", "b/../a"] {
        fs::create_dir_all(place.path("b")).unwrap();
        let run = format!("explain model.safetensors a/1.Bag.png a/1.png --class Bag -o {output}");
        place.run(&run).succeeded();
        let there = ["1-2.Bag.png", "1.Bag.Bag.png", "1.Bag.png", "1.png"];
        assert_eq!(place.below("a"), there);
        assert!(fs::read(place.path("a/1.Bag.png")).unwrap() == picture);
    }
}

#[test]
fn a_picture_that_fails_has_an_error_and_the_others_are_explained() {
    let place = Place::with_model();
    let picture = place.picture();
    place.write("text.jpg", "this is no picture");
    let explain = format!("explain model.safetensors missing.png text.jpg {picture} -o why");
    let run = place.run(&explain);
    assert_eq!((run.code, run.stdout.lines().count()), (1, 1));
    let errors: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].starts_with("headstart: missing.png: cannot be read"), "{}", errors[0]);
    assert_eq!(errors[1], "headstart: text.jpg: not a picture (text)");
    assert_eq!(place.below("why").len(), 1);
    let run = place.run(&format!("{explain} --json"));
    assert_eq!((run.code, run.stderr.as_str(), run.json().len()), (1, "", 3));
}

#[test]
fn what_cannot_be_explained_is_refused_before_anything_is_written() {
    let place = Place::with_model();
    let picture = place.picture();
    let explain = format!("explain model.safetensors {picture}");
    let parts = ["no class \"Sneakers\"", "did you mean Sneaker?"];
    place.run(&format!("{explain} --class Sneakers --output why")).failed(2, &parts);
    assert!(!place.path("why").exists());
    place.write("file", "");
    place.run(&format!("{explain} --output file")).failed(1, &["file"]);
    let run = place.run(&explain);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("--output <DIR>"), "{}", run.stderr);
}

#[test]
fn a_picture_is_shown_as_its_file_says_that_it_is_turned() {
    let place = Place::with_model();
    let path = place.path("turned.jpg");
    // Bright on the left, which orientation 6 turns into the top.
    let bright = |x, _| image::Rgb([if x < 200 { 250_u8 } else { 5 }; 3]);
    image::RgbImage::from_fn(400, 300, bright).save(&path).unwrap();
    let mut file = fs::read(&path).unwrap();
    let exif =
        b"\xFF\xE1\0\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    file.splice(2..2, exif.iter().copied());
    fs::write(&path, file).unwrap();
    place.run("explain model.safetensors turned.jpg --class Bag --output why").succeeded();
    let shown = image::open(place.path("why/turned.Bag.png")).unwrap().to_luma8();
    assert_eq!((shown.width(), shown.height()), (300, 400));
    let [above, below] = [50, 350].map(|y| shown.get_pixel(150, y).0[0]);
    assert!(above > below.saturating_add(50), "{above} and {below}");
}
