//! Files that are truncated, damaged, or contain something else.
//! Fixtures: `tools/reference/keras_mobilenetv2.py` and `pytorch_mobilenetv2.py`.
#![cfg(all(feature = "keras", feature = "pytorch"))]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::{fixture, network};
use headstart_formats::{
    Checkpoint, FormatError, assign, detect, import_checkpoint, load, read, read_bytes, safetensors,
};

const FILES: [&str; 7] = [
    "keras_mobilenetv2/keras2_no_top.h5",
    "keras_mobilenetv2/keras2_whole.h5",
    "keras_mobilenetv2/keras3_whole.h5",
    "keras_mobilenetv2/keras3_base.weights.h5",
    "keras_mobilenetv2/keras3_tutorial.keras",
    "pytorch_mobilenetv2/torchvision_0.35.pth",
    "pytorch_mobilenetv2/torchvision_0.35_f16_legacy.pth",
];

/// The files of each format, by name; the safetensors file is made here.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = FILES
        .iter()
        .map(|name| ((*name).to_owned(), std::fs::read(fixture(name)).unwrap()))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.safetensors");
    let weights = load(fixture(FILES[0]), &network("mobilenetv2", 0.35, None)).unwrap();
    let tensors = weights.iter().map(|(name, t)| (name, t, safetensors::Stored::F16));
    let metadata = BTreeMap::from([("key".to_owned(), "value".to_owned())]);
    safetensors::write(&path, tensors, &metadata).unwrap();
    files.push(("small.safetensors".to_owned(), std::fs::read(path).unwrap()));
    files
}

/// Checks that a message is one line of limited length that begins with the file's name.
fn assert_clear(error: &FormatError, name: &str) {
    let text = error.to_string();
    assert!(text.contains(name) && !text.contains('\n') && text.len() < 1000, "{name}: {text}");
}

#[test]
fn a_file_cut_short_is_an_error_that_names_it() {
    for (name, bytes) in files() {
        for kept in [0, 3, 9, 100, 1000, bytes.len() / 2, bytes.len() - 1000, bytes.len() - 1] {
            let error = read_bytes(&bytes[..kept], &name);
            let error = error.expect_err(&format!("{name} at {kept} of {}", bytes.len()));
            assert_clear(&error, &name);
        }
    }
}

/// A local generator (splitmix64), so that failures are reproducible.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// Applies every operation that the crate has to a file.
fn use_it(file: Checkpoint) {
    detect(&file);
    if file.model_config.is_some() {
        let _ = import_checkpoint(&file);
    }
    let _ = assign(file.clone(), &network("mobilenetv2", 0.35, None));
}

#[test]
fn a_damaged_file_is_an_error_or_loads_but_never_panics() {
    let rounds = std::env::var("HEADSTART_MUTATIONS").ok().and_then(|n| n.parse().ok());
    let seed = std::env::var("HEADSTART_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for (name, bytes) in files() {
        for round in 0..rounds.unwrap_or(40) {
            let mut random = Random(seed + round);
            let mut bytes = bytes.clone();
            // Metadata is at either end of a file, and in HDF5 throughout.
            let from_end = random.below(3);
            for _ in 0..1 + random.below(8) {
                let near = 1 + random.below(20_000);
                let at = match from_end {
                    0 => random.below(near),
                    1 => bytes.len() - 1 - random.below(near),
                    _ => random.below(bytes.len()),
                };
                match random.below(4) {
                    0 => bytes[at] = 0xff,
                    1 => bytes[at] = 0,
                    2 => bytes[at] ^= 1 << random.below(8),
                    _ => bytes[at] = random.below(256) as u8,
                }
            }
            match read_bytes(&bytes, &name) {
                Ok(file) if round % 8 == 0 => use_it(file),
                Ok(_) => {}
                Err(error) => assert_clear(&error, &name),
            }
        }
    }
}

#[test]
fn what_is_no_weight_file_is_told() {
    for (content, says) in [
        (&b""[..], "is empty"),
        (b"hello", "a few bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"<!DOCTYPE html><html><body>404", "web page"),
        (b"\xff\xd8\xff\xe0 a picture, say", "is not a weight file"),
        (b"PK\x03\x04 and nothing more", "cut short or damaged"),
        (b"\x40\x42\x0f\0\0\0\0\0{\"a\":1}", "truncated within its header"),
        (b"\x89HDF\r\n\x1a\n", "cannot be read as a Keras .h5 file"),
    ] {
        let error = read_bytes(content, "thing").unwrap_err();
        assert_clear(&error, "thing");
        assert!(error.to_string().contains(says), "{error}");
    }
    for path in [PathBuf::from("no/such.h5"), fixture("keras_mobilenetv2")] {
        let error = read(&path).unwrap_err();
        assert_clear(&error, path.to_str().unwrap());
    }
}

#[test]
fn a_header_that_claims_more_than_there_is_allocates_nothing() {
    let header =
        br#"{"a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header, b"1234"].concat();
    assert_clear(&read_bytes(&bytes, "thing").unwrap_err(), "thing");
}

#[test]
fn weights_of_another_network_say_what_they_look_like() {
    let torch = fixture("pytorch_mobilenetv2/torchvision_0.35.pth");
    let keras = fixture(FILES[0]);
    for (path, id, width, says) in [
        (
            &torch,
            "mobilenetv2-torch",
            1.0,
            "looks like mobilenetv2-torch at width 0.35 under torchvision's names, with 5 classes",
        ),
        (&torch, "efficientnet-lite0-torch", 1.0, "looks like mobilenetv2-torch at width 0.35"),
        (
            &torch,
            "mobilenetv2",
            0.35,
            "holds torchvision's names, whose padding and normalisation mobilenetv2 does not have; load it with the base mobilenetv2-torch",
        ),
        (&keras, "mobilenetv2-torch", 0.35, "load it with the base mobilenetv2"),
        (
            &keras,
            "mobilenetv2",
            1.0,
            "256 misshapen: Conv1/Conv1/kernel:0 is [3, 3, 3, 16], not [3, 3, 3, 32]",
        ),
        (&keras, "efficientnet-lite0", 1.0, "260"),
    ] {
        let error = load(path, &network(id, width, None)).unwrap_err();
        assert_clear(&error, path.to_str().unwrap());
        if says != "260" {
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}

#[test]
fn one_weight_missing_surplus_or_misshapen_is_named() {
    let net = network("mobilenetv2", 0.35, None);
    let whole = read(fixture(FILES[1])).unwrap();
    let prefix = "model_weights/mobilenetv2_0.35_96/";
    let name = |weight: &str| format!("{prefix}{weight}:0");
    let fails = |file: Checkpoint, says: &str| {
        let error = assign(file.clone(), &net).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    // This must also hold for the weights by which the prefix is searched.
    for weight in ["Conv1/kernel", "block_7_project_BN/moving_mean", "Conv_1_bn/moving_variance"] {
        let mut file = whole.clone();
        file.tensors.remove(&name(weight)).unwrap();
        fails(file, &format!("1 missing: {prefix}{weight}"));
    }
    let mut file = whole.clone();
    let extra = file.tensors[&name("Conv1/kernel")].clone();
    file.tensors.insert(name("block_17_expand/kernel"), extra);
    fails(file, "1 surplus: model_weights/mobilenetv2_0.35_96/block_17_expand/kernel:0");
    let mut file = whole.clone();
    file.tensors.get_mut(&name("bn_Conv1/beta")).unwrap().shape = vec![4, 4];
    fails(
        file,
        "1 misshapen: model_weights/mobilenetv2_0.35_96/bn_Conv1/beta:0 is [4, 4], not [16]",
    );
}

#[test]
fn a_network_of_another_family_is_told_by_its_name() {
    let mut file = read(fixture(FILES[2])).unwrap();
    file.tensors.clear();
    let config = serde_json::json!({"class_name": "Functional", "config": {"name": "resnet50", "layers": []}});
    file.model_config = Some(config);
    let error = assign(file.clone(), &network("mobilenetv2", 0.35, None)).unwrap_err().to_string();
    assert!(error.contains("260 missing") && error.contains("a Keras model `resnet50`"), "{error}");
}

#[test]
fn a_value_that_nothing_can_be_computed_with_is_named_with_its_weight_and_file() {
    let net = network("mobilenetv2", 0.35, None);
    let whole = read(fixture(FILES[0])).unwrap();
    for (weight, value, says) in [
        ("Conv1/kernel", f32::NAN, "Conv1/kernel holds NaN at index 5"),
        ("Conv_1_bn/gamma", f32::INFINITY, "Conv_1_bn/gamma holds inf at index 5"),
        ("bn_Conv1/moving_mean", f32::NEG_INFINITY, "bn_Conv1/moving_mean holds -inf at index 5"),
        (
            "block_5_depthwise_BN/moving_variance",
            -0.5,
            "block_5_depthwise_BN/moving_variance holds -0.5 at index 5; a variance is not negative (epsilon is 0.001)",
        ),
    ] {
        let mut file = whole.clone();
        let (_, tensor) = file.tensors.iter_mut().find(|(name, _)| name.contains(weight)).unwrap();
        tensor.data[5] = value;
        let error = assign(file, &net).unwrap_err().to_string();
        assert!(error.contains("keras2_no_top.h5: the weights cannot be used: "), "{error}");
        assert!(error.ends_with(says), "{error}");
    }
    // Zero or slightly negative variances, as after training without pictures or after rounding,
    // are harmless.
    let mut file = whole.clone();
    let is_variance = |(name, _): &(&String, _)| name.contains("moving_variance");
    for (_, tensor) in file.tensors.iter_mut().filter(is_variance) {
        tensor.data.fill(-1e-9);
    }
    assign(file, &net).unwrap();
}
