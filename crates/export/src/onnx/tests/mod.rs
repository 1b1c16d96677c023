//! Exported files are decoded and run by an interpreter that follows the specification of the operators. The
//! interpreter is tested on a model made with the `onnx` package, against values from ONNX Runtime
//! (`tools/reference/onnx_operators.py`).

mod interpreter;

use std::collections::HashSet;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use safetensors::SafeTensors;

use super::proto::{DataType, DimensionValue, ModelProto, ValueInfoProto};
use crate::testing::{AWKWARD, models, uncommon_models};
use crate::{ExportConfig, Format, Output, Proof};
use interpreter::{Array, decode, run};

fn exported(model: &headstart_predict::Model, output: Output) -> (ModelProto, Proof) {
    let format = Format::find("onnx").unwrap();
    let artifact = format.export(model, &ExportConfig::default().with_output(output)).unwrap();
    assert!(artifact.beside.is_none());
    (decode(artifact.file()), artifact.proof)
}

#[test]
fn the_runner_computes_what_onnx_runtime_does() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/export/");
    let model = decode(&fs::read(format!("{folder}operators.onnx")).unwrap());
    let file = fs::read(format!("{folder}operators.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&file).unwrap();
    let pixels = expected.tensor("pixels").unwrap();
    let data = pixels.data().iter().map(|&level| f32::from(level)).collect();
    let values = run(&model, Array { shape: pixels.shape().to_vec(), data });
    let mut operators = HashSet::new();
    for node in &model.graph.as_ref().unwrap().node {
        operators.insert(node.op_type.clone());
        let (value, view) = (&values[&node.name], expected.tensor(&node.name).unwrap());
        assert_eq!(value.shape, view.shape(), "{}", node.name);
        for (value, bytes) in value.data.iter().zip(view.data().as_chunks().0) {
            let expected = f32::from_le_bytes(*bytes);
            assert!((value - expected).abs() < 1e-4 * (1.0 + expected.abs()), "{}", node.name);
        }
    }
    // No operator is written that was not compared.
    for (name, model) in models().into_iter().chain(uncommon_models()) {
        for node in exported(&model, Output::Probabilities).0.graph.unwrap().node {
            assert!(operators.contains(&node.op_type), "{name}: {}", node.op_type);
        }
    }
}

#[test]
fn a_graph_computes_what_headstart_does() {
    for (name, model) in models().into_iter().chain(uncommon_models()) {
        for output in [Output::Probabilities, Output::Logits, Output::Features] {
            let (file, proof) = exported(&model, output);
            let data = proof.pictures.iter().map(|&level| f32::from(level)).collect();
            let values = run(&file, Array { shape: proof.shape.to_vec(), data });
            let answers = &values[output.name()];
            let outputs = match output {
                Output::Features => model.network.output().channels(),
                _ => model.head.classes().len(),
            };
            assert_eq!(answers.shape, [4, outputs], "{name}");
            assert_eq!(proof.answers.len(), answers.data.len());
            let largest = proof.answers.iter().fold(1.0, |most: f32, x| most.max(x.abs()));
            for (ours, theirs) in proof.answers.iter().zip(&answers.data) {
                let off = (ours - theirs).abs() / largest;
                assert!(off < 1e-4, "{name}, {output}: {theirs} and not {ours}");
            }
        }
    }
}

#[test]
fn models_differ_in_what_they_say_of_the_proof() {
    for (name, model) in models() {
        let (_, proof) = exported(&model, Output::Probabilities);
        let rows: HashSet<Vec<u32>> = (proof.answers.chunks_exact(model.head.classes().len()))
            .map(|row| row.iter().map(|x| x.to_bits()).collect())
            .collect();
        assert_eq!(rows.len(), proof.count(), "{name}: a proof of equal answers proves little");
    }
}

#[test]
fn a_graph_is_one_that_the_checker_takes() {
    for (name, model) in models().into_iter().chain(uncommon_models()) {
        let (file, _) = exported(&model, Output::Probabilities);
        assert_eq!((file.ir_version, file.opset_import[0].version), (7, 13));
        assert_eq!(file.opset_import[0].domain, "");
        let graph = file.graph.unwrap();
        let shape = |value: &ValueInfoProto| {
            let tensor = value.r#type.clone().unwrap().tensor_type.unwrap();
            let axes: Vec<DimensionValue> =
                tensor.shape.unwrap().dim.into_iter().map(|dim| dim.value.unwrap()).collect();
            (DataType::try_from(tensor.elem_type).unwrap(), axes)
        };
        let batch = || DimensionValue::Param("batch".to_owned());
        let sides = [40, 32, 3].map(DimensionValue::Value);
        let pixels = [batch()].into_iter().chain(sides).collect();
        assert_eq!(shape(&graph.input[0]), (DataType::Uint8, pixels));
        let classes = DimensionValue::Value(model.head.classes().len() as i64);
        assert_eq!(shape(&graph.output[0]), (DataType::Float, vec![batch(), classes]));
        // Names are defined once, and before they are read. Every name that is read is defined, and every defined name
        // is read.
        let mut known: HashSet<&str> = HashSet::from(["", &graph.input[0].name]);
        let constants = graph.initializer.iter().map(|constant| constant.name.as_str());
        constants.for_each(|constant| assert!(known.insert(constant), "{name}: {constant}"));
        let mut read: HashSet<&str> = HashSet::from(["", &graph.output[0].name]);
        for node in &graph.node {
            for input in &node.input {
                assert!(known.contains(input.as_str()), "{name}: {} reads {input}", node.name);
                read.insert(input);
            }
            assert!(known.insert(&node.output[0]), "{name}: {}", node.name);
            assert!(node.attribute.iter().all(|a| a.r#type != 0), "{name}: {}", node.name);
        }
        assert_eq!(known, read, "{name}");
    }
}

#[test]
fn a_file_says_what_it_is_of_and_has_its_proof_in_it() {
    let (name, model) = models().swap_remove(0);
    let (file, proof) = exported(&model, Output::Probabilities);
    let entry = |key: &str| {
        let found = file.metadata_props.iter().find(|entry| entry.key == key);
        found.map(|entry| entry.value.as_str())
    };
    let classes: Vec<String> = serde_json::from_str(entry("classes").unwrap()).unwrap();
    assert_eq!(classes, AWKWARD, "{name}");
    let words = entry("preprocessing").unwrap();
    assert!(words.contains("resize it to 32 x 40 pixels (width x height) bilinearly"), "{words}");
    assert_eq!((entry("temperature"), entry("unknown_threshold")), (None, None));
    let description: serde_json::Value = serde_json::from_str(entry("headstart").unwrap()).unwrap();
    assert_eq!(description["preprocessing"]["height"], 40);
    assert_eq!(STANDARD.decode(entry("headstart.proof").unwrap()).unwrap(), proof.to_npz());

    let (_, model) = models().swap_remove(1);
    let (file, _) = exported(&model, Output::Probabilities);
    let temperature = file.metadata_props.iter().find(|entry| entry.key == "temperature");
    assert_eq!(temperature.unwrap().value, "[1.7]");
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let (_, model) = models().swap_remove(0);
    let format = Format::find("onnx").unwrap();
    let bytes = || format.export(&model, &ExportConfig::default()).unwrap().file().to_vec();
    assert!(bytes() == bytes());
}

#[test]
fn other_formats_refuse_what_they_have_no_place_for_and_name_it_with_its_layer_and_base() {
    for (id, model) in uncommon_models() {
        for name in ["tflite", "keras", "keras-weights", "pytorch", "web", "wasm"] {
            let refused = Format::find(name).unwrap().export(&model, &ExportConfig::default());
            let error = refused.err().unwrap_or_else(|| panic!("{name} writes {id}")).to_string();
            assert!(error.contains("onnx"), "{id}: {error}");
            let layers = model.network.layers().iter();
            let names_layer = layers.clone().any(|layer| error.contains(&layer.name));
            assert!(names_layer || error.contains(id), "{id}: {error}");
        }
    }
}
