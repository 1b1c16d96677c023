//! Loads weights of real networks in every format and naming.
//! Fixtures: `tools/reference/keras_mobilenetv2.py`, `pytorch_mobilenetv2.py` and `pytorch_names.py`.
#![cfg(all(feature = "keras", feature = "pytorch"))]

mod common;

use std::collections::BTreeMap;

use common::{fixture, network, real};
use headstart_formats::{
    Checkpoint, Format, FormatError, Naming, assign, detect, load, read, read_bytes, safetensors,
};
use headstart_model::architectures::Architecture;
use headstart_model::{Tensor, weight_name};
use safetensors::Stored;

const KERAS: [&str; 5] = [
    "keras2_no_top.h5",
    "keras2_whole.h5",
    "keras3_base.weights.h5",
    "keras3_tutorial.keras",
    "keras3_whole.h5",
];
const TORCH: [&str; 2] = ["torchvision_0.35.pth", "torchvision_0.35_f16_legacy.pth"];

fn keras(name: &str) -> std::path::PathBuf {
    fixture("keras_mobilenetv2").join(name)
}

fn torch(name: &str) -> std::path::PathBuf {
    fixture("pytorch_mobilenetv2").join(name)
}

#[test]
fn the_same_weights_are_the_same_bits_from_every_keras_file() {
    let base = network("mobilenetv2", 0.35, None);
    let first = load(keras(KERAS[0]), &base).unwrap();
    assert!(first.iter().all(|(_, tensor)| tensor.data.iter().any(|&x| x != 0.0)));
    for name in &KERAS[1..] {
        assert_eq!(load(keras(name), &base).unwrap(), first, "{name}");
    }
}

#[test]
fn zip_and_legacy_pickle_load_with_and_without_the_classifier() {
    for name in TORCH {
        let base = load(torch(name), &network("mobilenetv2-torch", 0.35, None)).unwrap();
        let whole = load(torch(name), &network("mobilenetv2-torch", 0.35, Some(5))).unwrap();
        assert_eq!((base.iter().count(), whole.iter().count()), (260, 262), "{name}");
    }
    let [zip, legacy] =
        TORCH.map(|name| load(torch(name), &network("mobilenetv2-torch", 0.35, None)).unwrap());
    for ((name, a), (_, b)) in zip.iter().zip(legacy.iter()) {
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-3 * a.abs().max(1e-3);
        assert!(a.shape == b.shape && a.data.iter().zip(&b.data).all(near), "{name}");
    }
}

#[test]
fn a_kernel_of_pytorch_is_transposed_to_ours() {
    let file = read(torch(TORCH[0])).unwrap();
    let net = network("mobilenetv2-torch", 0.35, Some(5));
    let weights = assign(file.clone(), &net).unwrap();
    let ours = |layer: &str| weights.get(&net.layers()[net.find(layer).unwrap()], "kernel");
    let (o, i, h, w) = (7, 2, 1, 0);
    let stem = &file.tensors["features.0.0.weight"];
    let at = ((h * 3 + w) * 3 + i) * 16 + o;
    assert_eq!(ours("Conv1").data[at], stem.data[((o * 3 + i) * 3 + h) * 3 + w]);
    let depthwise = &file.tensors["features.1.conv.0.0.weight"];
    let ours_depthwise = ours("expanded_conv_depthwise");
    assert_eq!(ours_depthwise.shape, [3, 3, 16, 1]);
    assert_eq!(ours_depthwise.data[(h * 3 + w) * 16 + o], depthwise.data[(o * 3 + h) * 3 + w]);
    let dense = &file.tensors["classifier.1.weight"];
    assert_eq!(ours("predictions").data[100 * 5 + 3], dense.data[3 * 1280 + 100]);
}

#[test]
fn a_file_says_which_network_it_holds() {
    let cases = KERAS
        .map(|name| (keras(name), "mobilenetv2"))
        .into_iter()
        .chain(TORCH.map(|name| (torch(name), "mobilenetv2-torch")));
    for (path, id) in cases {
        let detected = detect(&read(&path).unwrap()).unwrap();
        assert_eq!((detected.architecture, detected.width), (id, 0.35), "{}", path.display());
    }
    let detected = |name| detect(&read(keras(name)).unwrap()).unwrap();
    assert_eq!((detected(KERAS[0]).classes, detected(KERAS[0]).input_size), (None, None));
    assert_eq!(
        (detected(KERAS[1]).classes, detected(KERAS[1]).input_size),
        (Some(1), Some((96, 96)))
    );
    assert_eq!(
        (detected(KERAS[3]).classes, detected(KERAS[3]).input_size),
        (Some(3), Some((96, 96)))
    );
    assert_eq!(detect(&read(torch(TORCH[1])).unwrap()).unwrap().classes, Some(5));
}

/// A checkpoint with these names and shapes, all zeros.
fn file_of(keys: &serde_json::Map<String, serde_json::Value>) -> Checkpoint {
    let mut file = read(torch(TORCH[0])).unwrap();
    file.tensors.clear();
    for (name, shape) in keys.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked")) {
        let shape: Vec<usize> = serde_json::from_value(shape.clone()).unwrap();
        let data = vec![0.0; shape.iter().product()];
        file.tensors.insert(name.clone(), Tensor::new(shape, data));
    }
    file
}

#[test]
fn names_and_shapes_of_torchvision_and_timm_are_known() {
    let text = std::fs::read_to_string(fixture("pytorch_names.json")).unwrap();
    let names: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (model, about) in names["models"].as_object().unwrap() {
        let (library, name) = model.split_once('/').unwrap();
        let (id, width) = match name {
            "mobilenet_v2_0.35" => ("mobilenetv2-torch", 0.35),
            "mobilenet_v2_1.0" | "mobilenetv2_100" => ("mobilenetv2-torch", 1.0),
            "mobilenet_v2_1.4" | "mobilenetv2_140" => ("mobilenetv2-torch", 1.4),
            "mobilenetv2_050" => ("mobilenetv2-torch", 0.5),
            "efficientnet_lite0" => ("efficientnet-lite0-torch", 1.0),
            "efficientnet_b1" => ("efficientnet-b1-torch", 1.0),
            "mobilenetv3_large_100" => ("mobilenetv3-large-timm", 1.0),
            "regnety_004" => ("regnet-y-400mf", 1.0),
            "convnext_tiny" => ("convnext-tiny", 1.0),
            // tf_efficientnet_lite1, or efficientnet-lite1
            other => match other.split_once("lite") {
                Some((_, size)) => (&*format!("efficientnet-lite{size}").leak(), 1.0),
                None => panic!("{model} is not in this test"),
            },
        };
        let file = file_of(about["keys"].as_object().unwrap());
        for top in [None, Some(1000)] {
            assign(file.clone(), &network(id, width, top))
                .unwrap_or_else(|e| panic!("{model}: {e}"));
        }
        let detected = detect(&file).unwrap();
        let naming = match library {
            "timm" => Naming::Timm,
            "lukemelas" => Naming::Lukemelas,
            "meta" => Naming::Meta,
            _ => Naming::Torchvision,
        };
        // MobileNetV3 has a hidden layer between the features and the classes.
        let classes = Some(1000).filter(|_| !id.starts_with("mobilenetv3"));
        assert_eq!((detected.naming, detected.classes), (naming, classes), "{model}");
        let ids: Vec<_> = [detected.architecture].into_iter().chain(detected.also_fits).collect();
        assert!(ids.contains(&id), "{model}: {ids:?}");
    }
}

#[test]
fn the_name_of_timms_file_tells_its_networks_from_those_of_tensorflow() {
    let text = std::fs::read_to_string(fixture("pytorch_names.json")).unwrap();
    let names: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys = |model: &str| names["models"][model]["keys"].as_object().unwrap().clone();
    let of = |model: &str, file: &str| {
        let mut checkpoint = file_of(&keys(model));
        checkpoint.file = file.to_owned();
        checkpoint
    };
    for (file, own, others) in [
        (
            "weights/efficientnet_b1-533bc792.pth",
            "efficientnet-b1-torch",
            vec!["efficientnet-b1-tf"],
        ),
        ("weights/tf_efficientnet_b1_aa-ea7a6ee0.pth", "efficientnet-b1-tf", vec![]),
    ] {
        let detected = detect(&of("timm/efficientnet_b1", file)).unwrap();
        assert_eq!((detected.architecture, detected.also_fits), (own, others), "{file}");
    }
    // TensorFlow's variant of this network is not registered, so the file is refused.
    let ported = of("timm/mobilenetv3_large_100", "tf_mobilenetv3_large_100-427764d5.pth");
    let error = assign(ported, &network("mobilenetv3-large-timm", 1.0, None)).unwrap_err();
    let says = "holds timm's names of a network of TensorFlow's, whose padding and normalisation \
                mobilenetv3-large-timm does not have";
    assert!(error.to_string().ends_with(says), "{error}");
    let asked = of("timm/efficientnet_b1", "tf_efficientnet_b1_aa-ea7a6ee0.pth");
    let error = assign(asked, &network("efficientnet-b1-torch", 1.0, None)).unwrap_err();
    assert!(error.to_string().ends_with("; load it with the base efficientnet-b1-tf"), "{error}");
}

#[test]
fn a_pickle_of_arrays_is_refused_with_the_way_out() {
    let begin = b"\x80\x03}q\x00X\x05\x00\x00\x00conv1q\x01cnumpy.core.multiarray\n_reconstruct\n";
    let error = headstart_formats::read_bytes(begin, "weights.pkl").unwrap_err().to_string();
    assert!(error.starts_with("weights.pkl is a Python pickle of NumPy arrays"), "{error}");
    assert!(error.contains("save the arrays as .safetensors"), "{error}");
}

#[test]
fn a_prefix_and_tensors_beside_it_do_not_matter() {
    let mut file = read(torch(TORCH[0])).unwrap();
    let net = network("mobilenetv2-torch", 0.35, None);
    let expected = assign(file.clone(), &net).unwrap();
    file.tensors = std::mem::take(&mut file.tensors)
        .into_iter()
        .map(|(name, tensor)| (format!("state_dict.module.{name}"), tensor))
        .collect();
    file.tensors.insert("optimizer.0.exp_avg".to_owned(), Tensor::new(vec![1], vec![0.0]));
    assert_eq!(assign(file.clone(), &net).unwrap(), expected);
}

#[test]
fn a_keras_file_with_other_layer_names_loads_by_the_order_it_lists() {
    let file = read(keras(KERAS[0])).unwrap();
    let net = network("mobilenetv2", 0.35, None);
    let expected = assign(file.clone(), &net).unwrap();
    // Change every layer, and every third layer.
    for step in [1, 3] {
        let mut file = file.clone();
        for (i, names) in file.keras_order.iter_mut().enumerate().step_by(step) {
            for name in names {
                let renamed = format!("layer_{i}/{}", name.rsplit('/').next().unwrap());
                let tensor = file.tensors.remove(name).unwrap();
                file.tensors.insert(renamed.clone(), tensor);
                *name = renamed;
            }
        }
        assert_eq!(detect(&file).unwrap().architecture, "mobilenetv2");
        assert_eq!(assign(file, &net).unwrap(), expected);
    }
}

#[test]
fn every_naming_loads_from_safetensors_and_every_registered_network_is_told_apart() {
    for architecture in headstart_model::architectures::ARCHITECTURES {
        let net = network(architecture.id, architecture.widths[0], None);
        let namings =
            Naming::ALL.into_iter().filter(|n| n.frameworks().contains(&architecture.framework));
        let namings = namings.filter(|naming| naming.has(&net));
        for naming in namings {
            let layers: Vec<_> = net.weight_specs().collect();
            let mut file = read(torch(TORCH[0])).unwrap();
            file.format = Format::Safetensors;
            file.tensors.clear();
            for ((layer, spec), names) in layers.iter().zip(naming.names(&net)) {
                // Find the shape that the naming converts to ours by trying orders of the axes.
                let orders: [&[usize]; 3] = [&[3, 2, 0, 1], &[2, 3, 0, 1], &[0, 1, 2, 3]];
                let shapes = orders.iter().filter(|o| o.len() == spec.shape.len());
                let mut shapes = shapes
                    .map(|order| order.iter().map(|&axis| spec.shape[axis]).collect::<Vec<_>>())
                    .chain([spec.shape.clone()])
                    .map(|shape| Tensor::new(shape, vec![0.0; spec.len()]));
                let tensor = shapes.find(|t| naming.to_ours(layer, t).shape == spec.shape).unwrap();
                file.tensors.insert(names[0].clone(), tensor);
            }
            assign(file.clone(), &net).unwrap_or_else(|e| panic!("{} {naming:?}: {e}", net.name()));
            let detected = detect(&file).unwrap();
            let fits = detected.also_fits.contains(&architecture.id);
            assert!(fits || detected.architecture == architecture.id, "{naming:?}: {detected:?}");
        }
    }
}

#[test]
fn real_efficientnets_load() {
    for (size, file) in [
        (0, "efficientnet-lite0-57934424.pth"),
        (1, "efficientnet-lite1-77cc7160.pth"),
        (2, "efficientnet-lite2-9656183e.pth"),
    ] {
        let Some(path) = real(file) else { continue };
        let id = format!("efficientnet-lite{size}");
        let file = read(path).unwrap();
        let detected = detect(&file).unwrap();
        assert_eq!((detected.architecture, detected.classes), (id.as_str(), Some(1000)));
        assign(file.clone(), &network(&id, 1.0, None)).unwrap();
        assign(file.clone(), &network(&id, 1.0, Some(1000))).unwrap();
    }
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let net = network("mobilenetv2", 0.35, None);
    let weights = load(keras(KERAS[0]), &net).unwrap();
    let architecture = Architecture::find(net.architecture()).unwrap();
    let metadata = BTreeMap::from(
        [(safetensors::ARCHITECTURE, architecture.id), ("b", "\"quoted\"\n"), ("a", "ä")]
            .map(|(k, v)| (k.to_owned(), v.to_owned())),
    );
    let mut files = Vec::new();
    for (name, stored) in [("a", Stored::F32), ("b", Stored::F16), ("c", Stored::F16)] {
        let path = folder.path().join(name);
        let tensors = weights.iter().map(|(name, tensor)| (name, tensor, stored));
        safetensors::write(&path, tensors, &metadata).unwrap();
        // The fixture's weights are exact in f16.
        assert_eq!(load(&path, &net).unwrap(), weights);
        let file = read(&path).unwrap();
        assert_eq!(file.metadata, metadata);
        files.push(std::fs::read(&path).unwrap());
    }
    assert_eq!(files[1], files[2], "the same tensors give the same bytes");
    assert!(files[1].len() < files[0].len() * 6 / 10);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3, "no temporary is left");

    let error = load(folder.path().join("a"), &network("mobilenetv2-torch", 0.35, None));
    let Err(FormatError::OtherArchitecture { holds, .. }) = error else { panic!("{error:?}") };
    assert_eq!(holds, "mobilenetv2");
    assert_eq!(weight_name("a", "b"), "a/b");
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    std::fs::write(&path, "before").unwrap();
    let large = Tensor::new(vec![1], vec![1e6]);
    let write = |path: &std::path::Path, stored| {
        safetensors::write(path, [("large", &large, stored)], &BTreeMap::new())
    };
    let error = write(&path, Stored::F16).unwrap_err().to_string();
    assert!(error.contains("model.safetensors") && error.contains("large"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"before");

    // The target is a folder, so the rename fails.
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("inside")).unwrap();
    let error = write(&taken, Stored::F32).unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("taken"), "{error}");
    let error = write(&folder.path().join("no/such/folder"), Stored::F32).unwrap_err().to_string();
    assert!(error.contains("no/such/folder: there is no such folder"), "{error}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "no temporary is left");
}

#[test]
fn numbers_of_every_kind_become_f32_and_integers_are_kept_apart() {
    let header = br#"{"f16":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"bf16":{"dtype":"BF16","shape":[1,2],"data_offsets":[4,8]},"f64":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},"i64":{"dtype":"I64","shape":[],"data_offsets":[16,24]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header);
    bytes.extend([0x00, 0x3c, 0x00, 0xc0]); // 1, -2
    bytes.extend([0x80, 0x3f, 0x20, 0x41]); // 1, 10
    bytes.extend((-0.5_f64).to_le_bytes());
    bytes.extend(3_i64.to_le_bytes());
    let file = read_bytes(&bytes, "numbers").unwrap();
    assert_eq!(file.tensors["f16"], Tensor::new(vec![2], vec![1.0, -2.0]));
    assert_eq!(file.tensors["bf16"], Tensor::new(vec![1, 2], vec![1.0, 10.0]));
    assert_eq!(file.tensors["f64"], Tensor::new(vec![1], vec![-0.5]));
    assert_eq!(file.others["i64"], [0; 0]);
    assert_eq!(file.tensors.len(), 3);
}
