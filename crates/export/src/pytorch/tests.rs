//! Names and shapes are compared with those of state dicts from torchvision and timm
//! (`tools/reference/pytorch_names.py`). Exported files are read by the importer, which is tested on files of these
//! libraries.

use std::collections::BTreeMap;

use headstart_engine::head::Task;
use headstart_formats::{assign, detect, read_bytes};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Elementwise, Weights};
use headstart_predict::Model;
use serde_json::Value;

use crate::testing::{model, models};
use crate::{ExportConfig, ExportError, Format, Names};

fn exported(model: &Model, names: Option<Names>) -> Result<Vec<u8>, ExportError> {
    let config = ExportConfig::default().with_names(names);
    Format::find("pytorch").unwrap().export(model, &config).map(|artifact| {
        assert!(artifact.beside.is_some());
        artifact.file().to_vec()
    })
}

#[test]
fn a_file_has_the_keys_and_shapes_of_torchvisions_and_timms_models() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/pytorch_names.json");
    let known: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for (architecture, names, state_dict) in [
        ("mobilenetv2", None, "torchvision/mobilenet_v2_0.35"),
        ("mobilenetv2-torch", Some(Names::Timm), "timm/mobilenetv2_050"),
        ("efficientnet-lite0", None, "timm/efficientnet_lite0"),
        ("efficientnet-lite0-torch", Some(Names::Timm), "timm/efficientnet_lite0"),
    ] {
        let theirs = known["models"][state_dict]["keys"].as_object();
        let theirs = theirs.unwrap_or_else(|| panic!("no {state_dict}"));
        // The counter of batches is not a weight; PyTorch initializes it if a file does not have it.
        let theirs: BTreeMap<String, Vec<usize>> = (theirs.iter())
            .filter(|(key, _)| !key.ends_with("num_batches_tracked"))
            .map(|(key, shape)| (key.clone(), serde_json::from_value(shape.clone()).unwrap()))
            .collect();
        let bias =
            theirs.iter().find(|(key, _)| key.starts_with("classifier") && key.ends_with("bias"));
        let count = bias.expect("it has a classifier").1[0];
        let classes: Vec<String> = (0..count).map(|class| format!("class {class}")).collect();
        let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
        let model = model(architecture, Task::SingleLabel, &classes, &[], None);
        let file = exported(&model, names).unwrap();
        let contents = headstart_model::safetensors::read(&file).unwrap();
        let ours: BTreeMap<String, Vec<usize>> =
            contents.tensors.into_iter().map(|(key, tensor)| (key, tensor.shape)).collect();
        assert!(ours.keys().eq(theirs.keys()), "{state_dict}");
        // This model of ours is narrower than timm's, so shapes differ.
        if !state_dict.ends_with("050") {
            assert_eq!(ours, theirs, "{state_dict}");
        }
    }
}

#[test]
fn weights_come_back_bit_for_bit_and_for_the_same_architecture() {
    for (name, model) in models() {
        let head = model.head.head();
        if !head.hidden.is_empty() {
            continue;
        }
        for names in [None, Some(Names::Timm)] {
            let checkpoint =
                read_bytes(&exported(&model, names).unwrap(), "a.safetensors").unwrap();
            let found = detect(&checkpoint).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(found.architecture, model.network.architecture(), "{name}");
            assert_eq!((found.width, found.classes), (model.network.width(), Some(head.classes)));
            let weights = assign(checkpoint.clone(), &model.network).unwrap();
            assert_eq!(bits(&weights), bits(&model.weights), "{name}");

            let top = Some(head.classes);
            let (width, input_size) = (Some(model.network.width()), Some((40, 32)));
            let architecture = Architecture::find(found.architecture).unwrap();
            let whole = architecture.build(&NetworkConfig { input_size, width, top }).unwrap();
            let weights = assign(checkpoint, &whole).unwrap();
            let last = whole.layers().last().unwrap();
            let (kernel, bias) = (weights.get(last, "kernel"), weights.get(last, "bias"));
            if head.units() == head.classes {
                assert_eq!((&kernel.data, &bias.data), (&head.kernel, &head.bias), "{name}");
            } else {
                let second: Vec<f32> = kernel.data.iter().skip(1).step_by(2).copied().collect();
                assert_eq!((&second, bias.data[1]), (&head.kernel, head.bias[0]), "{name}");
                assert!(kernel.data.iter().step_by(2).all(|x| *x == 0.0) && bias.data[0] == 0.0);
            }
        }
    }
}

fn bits(weights: &Weights) -> Vec<(String, Vec<u32>)> {
    let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect();
    weights.iter().map(|(name, tensor)| (name.to_owned(), bits(&tensor.data))).collect()
}

#[test]
fn what_these_libraries_have_no_place_for_is_refused_with_what_does() {
    let one = Task::SingleLabel;
    let hidden = model("mobilenetv2", one, &["a", "b"], &[Elementwise::RELU], None);
    let lite = model("efficientnet-lite0", one, &["a", "b"], &[], None);
    let mut wide = model("mobilenetv2", one, &["a", "b"], &[], None);
    let config = NetworkConfig { width: Some(1.3), ..NetworkConfig::default() };
    wide.network = Architecture::find("mobilenetv2").unwrap().build(&config).unwrap();
    let (tv, timm) = (Names::Torchvision, Names::Timm);
    for (model, names, says) in [
        (
            &hidden,
            None,
            "pytorch has no place for the hidden layers of the head; onnx and keras have",
        ),
        (&lite, Some(tv), "efficientnet-lite0, which torchvision does not have; timm has it"),
        (&wide, Some(timm), "mobilenetv2_1.30_160, which timm does not have; torchvision has it"),
    ] {
        let (_, subject) = (model, ExportConfig::default().with_names(names));
        let subject = crate::subject::Subject::new("pytorch", model, &subject);
        let proof = crate::Proof {
            pictures: Vec::new(),
            shape: [0; 4],
            answers: Vec::new(),
            description: String::new(),
        };
        let error = super::write(&subject, &proof).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let config = ExportConfig::default().with_names(timm);
    let error = Format::find("onnx").unwrap().export(&lite, &config).unwrap_err();
    assert_eq!(error.to_string(), "onnx has no choice of names; only pytorch has");
}
