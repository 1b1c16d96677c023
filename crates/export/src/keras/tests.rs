//! Archives are read by the importer, which is tested on files written by Keras. The configuration is compared with one
//! that Keras 3 has written (`tools/reference/keras_mobilenetv2.py`).

use std::collections::HashSet;
use std::fs;
use std::io::{Cursor, Read};

use headstart_formats::{EXPORTED, HeadActivation, ImportedModel, import_checkpoint, read_bytes};
use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Network, Tensor, Weights};
use headstart_predict::Model;
use serde_json::{Value, json};
use zip::{CompressionMethod, ZipArchive};

use crate::proof::zipped;
use crate::testing::{models, network};
use crate::{Artifact, ExportConfig, ExportError, Format, Output};

fn exported(format: &str, model: &Model) -> Artifact {
    Format::find(format).unwrap().export(model, &ExportConfig::default()).unwrap()
}

fn entry(archive: &[u8], name: &str) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut content = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
    content
}

fn imported(archive: &[u8]) -> Result<ImportedModel, String> {
    let checkpoint = read_bytes(archive, "a.keras").map_err(|error| error.to_string())?;
    import_checkpoint(&checkpoint).map_err(|error| error.to_string())
}

fn bits(weights: &Weights) -> Vec<(String, Vec<u32>)> {
    let bits = |tensor: &Tensor| tensor.data.iter().map(|x| x.to_bits()).collect();
    weights.iter().map(|(name, tensor)| (name.to_owned(), bits(tensor))).collect()
}

#[test]
fn a_model_comes_back_bit_for_bit() {
    for (name, model) in models() {
        let back =
            imported(exported("keras", &model).file()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let frozen = |network: &Network| {
            let mut network = network.clone();
            network.set_trainable(false);
            network
        };
        assert_eq!(frozen(&back.network), frozen(&model.network), "{name}");
        assert_eq!(bits(&back.weights), bits(&model.weights), "{name}");
        let (head, own) = (&back.head, model.head.head());
        assert_eq!(head.hidden.len(), own.hidden.len(), "{name}");
        for (back, own) in head.hidden.iter().zip(&own.hidden) {
            assert_eq!((&back.kernel.data, &back.bias.data), (&own.kernel, &own.bias), "{name}");
            assert_eq!((back.activation, back.dropout), (own.activation, own.dropout), "{name}");
        }
        // The logit of the first of two classes is 0.
        let second = |values: &[f32]| -> Vec<f32> {
            let pairs = values.as_chunks::<2>().0.iter();
            pairs.map(|&[first, second]| second - first).collect()
        };
        let (mut kernel, mut bias) = (head.kernel.data.clone(), head.bias.data.clone());
        if own.units() < own.classes {
            (kernel, bias) = (second(&kernel), second(&bias));
        }
        assert_eq!((&kernel, &bias, head.dropout), (&own.kernel, &own.bias, own.dropout), "{name}");
        let temperature = model.head.trust().temperature.as_ref().map(|t| t.values().to_vec());
        assert_eq!(head.temperature, temperature, "{name}");
        let sigmoid = head.activation == HeadActivation::Sigmoid;
        assert_eq!(sigmoid, !model.head.task().is_single_label(), "{name}");
        let exported = back.exported.expect("what headstart says of it");
        assert_eq!(exported["classes"], json!(model.head.classes()), "{name}");
        assert!(back.scaling_inside && back.assumptions.is_empty(), "{name}");
    }
}

#[test]
fn a_configuration_has_what_keras_writes_itself() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/keras_mobilenetv2/configs/");
    let text = fs::read(format!("{folder}keras3_tutorial_ops_sigmoid.json")).unwrap();
    let keras: Value = serde_json::from_slice(&text).unwrap();
    let base = |model: &Value| {
        let layers = model["config"]["layers"].as_array().unwrap();
        layers.iter().find(|layer| layer["class_name"] == "Functional").unwrap().clone()
    };
    let (_, mut model) = models().swap_remove(0);
    let (input_size, width) = (Some((96, 96)), Some(0.35));
    let config = NetworkConfig { input_size, width, top: None };
    model.network = Architecture::find("mobilenetv2").unwrap().build(&config).unwrap();
    let ours: Value =
        serde_json::from_slice(&entry(exported("keras", &model).file(), "config.json")).unwrap();
    let (keras, ours) = (base(&keras), base(&ours));
    assert_eq!(ours["module"], keras["module"]);
    assert_eq!(ours["inbound_nodes"][0]["kwargs"]["training"], false);
    assert_eq!(ours["config"]["name"], "mobilenetv2_0.35_96");
    let [keras, ours] = [&keras, &ours].map(|model| model["config"]["layers"].as_array().unwrap());
    assert_eq!(keras.len(), ours.len());
    for (keras, ours) in keras.iter().zip(ours).skip(1) {
        let name = &keras["name"];
        assert_eq!((&ours["name"], &ours["class_name"]), (name, &keras["class_name"]));
        for (key, value) in ours["config"].as_object().unwrap() {
            match key.as_str() {
                "dtype" | "trainable" => {}
                // A 1 x 1 kernel needs no padding, so Keras may have either.
                "padding" if ours["config"]["kernel_size"] == json!([1, 1]) => {}
                _ => assert_eq!(value, &keras["config"][key], "{name}: {key}"),
            }
        }
        let reads = |layer: &Value| -> Vec<String> {
            let args = &layer["inbound_nodes"][0]["args"][0];
            let one = std::slice::from_ref(args);
            let tensors = args.as_array().map_or(one, Vec::as_slice).iter();
            let read =
                tensors.map(|t| t["config"]["keras_history"][0].as_str().unwrap().to_owned());
            // Keras's own input has a different name.
            read.map(|name| if name.starts_with("input") { "input".to_owned() } else { name })
                .collect()
        };
        assert_eq!(reads(ours), reads(keras), "{name}");
    }
}

#[test]
fn what_was_fine_tuned_is_trainable_and_all_else_is_not() {
    let (_, model) = models().swap_remove(0);
    for (from, trainable) in [(None, 0), (Some("block_16_project"), 5), (Some("Conv1"), 153)] {
        let config = ExportConfig::default().with_trainable_from(from.map(str::to_owned));
        let archive =
            Format::find("keras").unwrap().export(&model, &config).unwrap().file().to_vec();
        let config: Value = serde_json::from_slice(&entry(&archive, "config.json")).unwrap();
        let base = &config["config"]["layers"][2]["config"];
        assert_eq!(base["trainable"], from.is_some());
        let layers = base["layers"].as_array().unwrap().iter();
        let found = layers.filter(|layer| layer["config"]["trainable"] == true).count();
        assert_eq!(found, trainable, "{from:?}");
        let head = config["config"]["layers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|l| l["name"] == "predictions");
        assert_eq!(head.unwrap()["config"]["trainable"], true);
    }
}

#[test]
fn names_of_a_models_layers_are_unique() {
    for (name, model) in models() {
        let archive = exported("keras", &model).file().to_vec();
        let config: Value = serde_json::from_slice(&entry(&archive, "config.json")).unwrap();
        let layers = config["config"]["layers"].as_array().unwrap();
        for layers in [layers, layers[2]["config"]["layers"].as_array().unwrap()] {
            let names: HashSet<&str> = layers.iter().map(|l| l["name"].as_str().unwrap()).collect();
            assert_eq!(names.len(), layers.len(), "{name}");
        }
    }
}

#[test]
fn weights_by_themselves_are_those_of_the_archive_with_the_proof_beside() {
    let (_, model) = models().swap_remove(1);
    let (whole, alone) = (exported("keras", &model), exported("keras-weights", &model));
    assert!(entry(whole.file(), "model.weights.h5") == alone.file());
    assert_eq!(entry(whole.file(), "headstart/proof.npz"), whole.proof.to_npz());
    let beside = alone.beside.as_ref().expect("HDF5 has no place for it");
    assert_eq!(entry(beside, "answers.npy"), entry(&whole.proof.to_npz(), "answers.npy"));
    assert_eq!(entry(beside, "pictures.npy")[..8], *b"\x93NUMPY\x01\0");
    let (network, _) = network("mobilenetv2");
    let checkpoint = read_bytes(alone.file(), "a.weights.h5").unwrap();
    let weights = headstart_formats::assign(checkpoint, &network).unwrap();
    assert_eq!(bits(&weights), bits(&model.weights));
}

#[test]
fn a_keras_file_ends_at_probabilities_alone() {
    let (_, model) = models().swap_remove(0);
    let config = ExportConfig::default().with_output(Output::Features);
    let error = Format::find("keras").unwrap().export(&model, &config).unwrap_err();
    assert!(matches!(error, ExportError::NoSuchOutput { format: "keras", .. }), "{error}");
}

/// The archive with one entry changed.
fn changed(archive: &[u8], name: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let names = ["metadata.json", "config.json", "model.weights.h5", super::DESCRIPTION];
    let entries: Vec<Vec<u8>> = (names.iter())
        .map(|&own| {
            let content = entry(archive, own);
            if own != name {
                return content;
            }
            let mut value: Value = serde_json::from_slice(&content).unwrap();
            change(&mut value);
            value.to_string().into_bytes()
        })
        .collect();
    let entries: Vec<(&str, &[u8])> =
        names.into_iter().zip(&entries).map(|(name, content)| (name, content.as_slice())).collect();
    zipped(CompressionMethod::Stored, &entries)
}

#[test]
fn a_file_that_computes_something_else_is_refused() {
    let (_, model) = models().swap_remove(1);
    let archive = exported("keras", &model).file().to_vec();
    let layer = |model: &mut Value, name: &str, change: &dyn Fn(&mut Value)| {
        fn find<'a>(model: &'a mut Value, name: &str) -> Option<&'a mut Value> {
            let layers = model["config"]["layers"].as_array_mut()?;
            layers.iter_mut().find_map(|layer| match layer["name"] == name {
                true => Some(layer),
                false => find(layer, name),
            })
        }
        change(&mut find(model, name).unwrap()["config"]);
    };
    let zeros =
        |top: usize| move |config: &mut Value| config["padding"] = json!([[top, 1], [0, 1]]);
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Value), &'a str);
    let changes: [Change<'_>; 9] = [
        ("block_3_expand", &|c| c["filters"] = json!(24), "filters"),
        ("block_4_depthwise", &|c| c["padding"] = json!("valid"), "padding"),
        ("block_5_expand_BN", &|c| c["epsilon"] = json!(1e-5), "epsilon"),
        ("block_3_pad", &zeros(1), "padding"),
        ("block_6_depthwise_relu", &|c| c["max_value"] = json!(null), "max_value"),
        ("temperature", &|c| c["offset"] = json!(1.0), "stands after the base"),
        ("temperature", &|c| c["scale"] = json!(-1.0), "stands after the base"),
        ("temperature", &|c| c["scale"] = json!([1.0, 2.0, 3.0]), "before a softmax"),
        ("predictions", &|c| c["units"] = json!(2), "predictions"),
    ];
    for (name, change, says) in changes {
        let changed = changed(&archive, "config.json", |model| layer(model, name, change));
        let error = imported(&changed).map(|_| ()).unwrap_err();
        assert!(error.contains(says), "{name}: {error}");
    }
    let text =
        changed(&archive, super::DESCRIPTION, |description| description["classes"] = json!(["x"]));
    let checkpoint = read_bytes(&text, "a.keras").unwrap();
    assert!(checkpoint.metadata[EXPORTED].contains("\"classes\":[\"x\"]"));
    // An archive that is cut short anywhere is refused.
    for part in 1..20 {
        assert!(imported(&archive[..archive.len() * part / 20]).is_err());
    }
}
