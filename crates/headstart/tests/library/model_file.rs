//! Model files that are truncated, of a later version, or not models.

use std::fs;
use std::path::{Path, PathBuf};

use headstart::data::sources::class_name;
use headstart::{Classifier, Error, MODEL_FORMAT, OpenError};
use safetensors::SafeTensors;

use crate::support::{assert_one_line, repository, trained};

fn saved(folder: &Path) -> PathBuf {
    let file = folder.join("model.safetensors");
    trained(folder).save(&file).unwrap();
    file
}

/// Replaces text of the header, and keeps the length of the file.
fn rewritten(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&bytes[8..header]).unwrap();
    assert!(text.contains(from), "{text}");
    let text = text.replacen(from, to, 1);
    let mut rewritten = (text.len() as u64).to_le_bytes().to_vec();
    rewritten.extend(text.as_bytes());
    rewritten.extend(&bytes[header..]);
    rewritten
}

#[test]
fn a_model_is_a_safetensors_file_that_says_everything_in_its_metadata() {
    let temp = tempfile::tempdir().unwrap();
    let bytes = fs::read(saved(temp.path())).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 260 + 2);
    assert_eq!(tensors.tensor("head/kernel").unwrap().shape(), [1280, 3]);
    assert_eq!(tensors.tensor("base/Conv1/kernel").unwrap().shape(), [3, 3, 3, 16]);
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let entry = &metadata.metadata().as_ref().unwrap()["headstart"];
    let entry: serde_json::Value = serde_json::from_str(entry).unwrap();
    assert_eq!(entry["format"], 3, "versions before would not know what its answers are worth");
    assert_eq!(entry["architecture"], "mobilenetv2");
    assert_eq!(entry["classes"], serde_json::json!(["Bag", "Sneaker", "Trouser"]));
    assert_eq!(entry["preprocessing"]["height"], 32);
    assert!(entry["training"]["validation"].as_array().is_some_and(|v| !v.is_empty()));
    assert!(entry["training"]["metrics"]["accuracy"].is_number());
}

#[test]
fn classes_of_any_name_come_back_as_they_were_or_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let mut classifier = trained(temp.path());
    let file = temp.path().join("named.safetensors");
    let long = "x".repeat(4096);
    for names in [
        ["=", ",", "\"'\\"],
        ["caf\u{e9}", "🐈", "a b"],
        ["n01440764\t", " cat\r\n", "cafe\u{301}"],
        ["{\"a\": 1}", "\u{200b}", &long],
    ] {
        classifier.set_classes(names.map(str::to_owned).to_vec()).unwrap();
        let expected = names.map(|name| class_name(name).unwrap().into_owned());
        assert_eq!(classifier.classes(), expected);
        classifier.save(&file).unwrap();
        assert_eq!(Classifier::load(&file).unwrap().classes(), expected);
    }
    let long = "x".repeat(4097);
    for (name, told) in [
        (" ", "\" \" is not a valid class name"),
        ("a\tb", "\"a\\tb\" is not a valid class name"),
        (&long, "\"xxx"),
        ("caf\u{e9} ", "two classes are called"),
    ] {
        let names = ["cafe\u{301}", "b", name].map(str::to_owned).to_vec();
        let message = classifier.set_classes(names).unwrap_err().to_string();
        assert!(message.contains(told), "{message}");
        assert_one_line(&message);
    }
    // Class names in files of earlier versions are checked by the same rule.
    let bytes = fs::read(saved(temp.path())).unwrap();
    for (from, to, told) in [
        ("Trouser", "a\\\\nb", "\"a\\nb\" is not a valid class name"),
        ("Sneaker", "Bag    ", "two classes are called \"Bag\""),
    ] {
        fs::write(&file, rewritten(&bytes, from, to)).unwrap();
        match Classifier::load(&file) {
            Ok(_) => panic!("{to}"),
            Err(error) => assert!(error.to_string().contains(told), "{error}"),
        }
    }
}

#[test]
fn a_model_cut_short_anywhere_is_an_error_that_names_the_file() {
    let temp = tempfile::tempdir().unwrap();
    let whole = fs::read(saved(temp.path())).unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let cut = temp.path().join("cut.safetensors");
    let data = (whole.len() - header) / 16;
    let offsets = (0..20)
        .chain((0..16).map(|i| 20 + i * (header - 20) / 16))
        .chain([header - 1, header, header + 1])
        .chain((0..16).map(|i| header + i * data))
        .chain([whole.len() - 1]);
    for offset in offsets {
        fs::write(&cut, &whole[..offset]).unwrap();
        let message = Classifier::load(&cut).unwrap_err().to_string();
        assert!(message.contains("cut.safetensors"), "{offset}: {message}");
        assert_one_line(&message);
    }
    fs::write(&cut, &whole).unwrap();
    assert!(Classifier::load(&cut).is_ok());
}

#[test]
fn a_model_of_a_newer_version_asks_for_an_update() {
    let temp = tempfile::tempdir().unwrap();
    let file = saved(temp.path());
    let newer = rewritten(&fs::read(&file).unwrap(), r#"\"format\":3"#, r#"\"format\":9"#);
    fs::write(&file, newer).unwrap();
    let error = Classifier::load(&file).unwrap_err();
    assert!(matches!(error, Error::Open(OpenError::Newer { found: 9, known: MODEL_FORMAT, .. })));
    let message = error.to_string();
    assert!(message.contains("model.safetensors") && message.contains("update headstart"));
    assert_one_line(&message);
}

#[test]
fn a_model_whose_description_does_not_fit_is_an_error() {
    let temp = tempfile::tempdir().unwrap();
    let file = saved(temp.path());
    let whole = fs::read(&file).unwrap();
    for (from, to, part) in [
        (r#"\"classes\":[\"Bag\","#, r#"\"classes\":["#, "its head is"),
        (r#"\"architecture\":\"mobilenetv2\""#, r#"\"architecture\":\"x\""#, "unknown base 'x'"),
        (r#"\"width\":0.35"#, r#"\"width\":0.5"#, "the weights are not those of"),
        (r#"\"width\":0.35"#, r#"\"width\":7"#, "no width 7"),
        (r#"\"height\":32"#, r#"\"height\":3"#, "too small"),
        (r#"\"bilinear\""#, r#"\"nearest\""#, "unknown interpolation 'nearest'; there are"),
        (r#"\"stretch\""#, r#"\"zoom\""#, "unknown fit 'zoom'; there are stretch, crop, pad"),
        (r#"\"format\":3"#, r#"\"format\":{}"#, "its description"),
        (r#"\"dropout\""#, r#"\"dr\""#, "its description"),
        ("head/kernel", "head/kernal", "it has no head/kernel"),
        ("base/Conv1/kernel", "base/Conv2/kernel", "Conv2/kernel"),
    ] {
        fs::write(&file, rewritten(&whole, from, to)).unwrap();
        let message = Classifier::load(&file).unwrap_err().to_string();
        assert!(message.contains(part), "{from} -> {to}: {message}");
        assert_one_line(&message);
    }
}

#[test]
fn other_files_are_no_models_and_the_error_says_what_to_do_with_them() {
    for (path, part) in [
        ("fixtures/keras_mobilenetv2/keras3_whole.h5", "(a whole Keras model)"),
        ("fixtures/keras_mobilenetv2/keras3_tutorial.keras", "(a whole Keras model)"),
        ("fixtures/keras_mobilenetv2/keras2_no_top.h5", "(a Keras .h5 file"),
        ("fixtures/pytorch_mobilenetv2/torchvision_0.35.pth", "(a PyTorch file"),
        ("fixtures/labdog/expected.safetensors", "is not a headstart model"),
        ("crates/bundled/assets/mobilenetv2_1.00_160.safetensors", "(a safetensors file"),
        ("crates/bundled/assets/imagenet_classes.txt", "weights are read from"),
    ] {
        let message = Classifier::load(repository(path)).unwrap_err().to_string();
        let name = path.rsplit('/').next().unwrap();
        assert!(message.contains(part) && message.contains(name), "{message}");
        assert_one_line(&message);
    }
}

#[test]
fn a_model_that_cannot_be_written_leaves_what_was_there() {
    let temp = tempfile::tempdir().unwrap();
    let classifier = trained(temp.path());
    let below_a_file = temp.path().join("file/model.safetensors");
    fs::write(temp.path().join("file"), "as it was").unwrap();
    let message = classifier.save(&below_a_file).unwrap_err().to_string();
    assert!(message.contains("model.safetensors"), "{message}");
    assert_one_line(&message);
    assert_eq!(fs::read_to_string(temp.path().join("file")).unwrap(), "as it was");
    let mut left: Vec<_> =
        fs::read_dir(temp.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["file", "pictures"], "no temporary file is left");
}

#[path = "../../../../fuzz/targets/model_file.rs"]
mod fuzzed;

/// `fuzz/corpus/model_file` contains headers of model files; see the fuzzing target.
#[test]
fn every_header_of_the_fuzzing_corpus_gives_a_model_or_an_error() {
    for entry in fs::read_dir(repository("fuzz/corpus/model_file")).unwrap() {
        let path = entry.unwrap().path();
        // The path is printed only if the test fails.
        println!("{}", path.display());
        let loaded = fuzzed::run(&fs::read(&path).unwrap());
        assert!(loaded || !path.ends_with("whole.json"), "fuzzing begins with a whole model");
    }
}
