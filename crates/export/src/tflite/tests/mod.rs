//! Exported files are read and run according to the specification of the format. The reader and the interpreter are
//! tested on a file of TensorFlow's converter, against values from its interpreter
//! (`tools/reference/tflite_operators.py`).

mod interpreter;
mod reader;

use std::collections::HashSet;
use std::fs;
use std::io::{Cursor, Read};

use headstart_predict::Model;
use safetensors::{Dtype, SafeTensors};
use zip::{CompressionMethod, ZipArchive};

use super::metadata;
use crate::testing::{AWKWARD, models};
use crate::{Artifact, ExportConfig, ExportError, Format, Output, drawn};
use interpreter::{Array, run};
use reader::{Model as File, Table};

fn exported(model: &Model, output: Output) -> Artifact {
    let config = ExportConfig::default().with_output(output);
    Format::find("tflite").unwrap().export(model, &config).unwrap()
}

#[test]
fn the_runner_computes_what_tensorflow_lite_does() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/export/");
    let file = fs::read(format!("{folder}operators.tflite")).unwrap();
    let model = File::read(&file);
    let expected = fs::read(format!("{folder}operators_tflite.safetensors")).unwrap();
    let expected = SafeTensors::deserialize(&expected).unwrap();
    let pixels = expected.tensor("pixels").unwrap();
    let data = pixels.data().iter().map(|&level| f32::from(level)).collect();
    let values = run(&model, Array { shape: pixels.shape().to_vec(), data });
    let mut codes = HashSet::new();
    for operator in &model.operators {
        codes.insert(operator.code);
        let id = operator.outputs[0];
        let (value, view) = (&values[&id], expected.tensor(&id.to_string()).unwrap());
        assert_eq!((value.shape.as_slice(), view.dtype()), (view.shape(), Dtype::F32));
        for (value, bytes) in value.data.iter().zip(view.data().as_chunks().0) {
            let expected = f32::from_le_bytes(*bytes);
            let off = (value - expected).abs() / (1.0 + expected.abs());
            assert!(off < 1e-4, "operator {}: {value} and not {expected}", operator.code);
        }
    }
    // No operator is written that was not compared.
    for (name, model) in models() {
        let file = exported(&model, Output::Probabilities).file().to_vec();
        for operator in File::read(&file).operators {
            assert!(codes.contains(&operator.code), "{name}: {}", operator.code);
        }
    }
}

#[test]
fn a_file_computes_what_headstart_does() {
    for (name, model) in models() {
        for output in [Output::Probabilities, Output::Logits, Output::Features] {
            let artifact = exported(&model, output);
            let (bytes, proof) = (artifact.file().to_vec(), artifact.proof);
            let file = File::read(&bytes);
            let data = proof.pictures.iter().map(|&level| f32::from(level)).collect();
            let values = run(&file, Array { shape: proof.shape.to_vec(), data });
            let answers = &values[&file.output];
            assert_eq!(answers.data.len(), proof.answers.len(), "{name}");
            let largest = proof.answers.iter().fold(1.0, |most: f32, x| most.max(x.abs()));
            for (ours, theirs) in proof.answers.iter().zip(&answers.data) {
                let off = (ours - theirs).abs() / largest;
                assert!(off < 1e-4, "{name}, {output}: {theirs} and not {ours}");
            }
        }
    }
}

#[test]
fn a_file_is_laid_out_as_readers_on_devices_need_it() {
    for (name, model) in models() {
        let bytes = exported(&model, Output::Probabilities).file().to_vec();
        let file = File::read(&bytes);
        // Constants can be used in place.
        assert!(file.places.iter().all(|place| place.is_multiple_of(16)), "{name}");
        let input = &file.tensors[file.input];
        assert_eq!((input.name, input.kind, &input.shape[..]), ("pixels", 3, &[1, 40, 32, 3][..]));
        assert_eq!(input.signature, [-1, 40, 32, 3]);
        let output = &file.tensors[file.output];
        let classes = model.head.classes().len();
        assert_eq!((output.name, output.kind), ("probabilities", 0));
        assert_eq!(
            (&output.shape[..], &output.signature[..]),
            (&[1, classes][..], &[-1, classes as i32][..])
        );
        assert!(file.operators.iter().all(|operator| operator.version == 1), "{name}");
        assert!(file.tensors.iter().all(|tensor| tensor.quantization.is_none()), "{name}");
        // Names are unique; every tensor is a constant, the input, or computed once before it is read.
        let names: HashSet<&str> = file.tensors.iter().map(|tensor| tensor.name).collect();
        assert_eq!(names.len(), file.tensors.len(), "{name}");
        let constants =
            file.tensors.iter().enumerate().filter(|(_, tensor)| !tensor.data.is_empty());
        let mut known: HashSet<usize> = constants.map(|(id, _)| id).collect();
        assert!(known.insert(file.input));
        for operator in &file.operators {
            assert!(operator.inputs.iter().all(|input| known.contains(input)), "{name}");
            assert!(known.insert(operator.outputs[0]), "{name}");
        }
        assert_eq!(known.len(), file.tensors.len(), "{name}");
    }
}

#[test]
fn a_file_in_int8_computes_what_was_measured() {
    let mut written = 0;
    for (name, model) in models() {
        let pictures = drawn::pictures(40, 32);
        for output in [Output::Probabilities, Output::Logits, Output::Features] {
            let config = ExportConfig::default().with_output(output).with_int8(pictures.clone());
            let found = Format::find("tflite").unwrap().export(&model, &config);
            // With random weights, an answer of some networks changes.
            if matches!(found, Err(ExportError::Int8Changes { .. })) {
                continue;
            }
            written += 1;
            let artifact = found.unwrap();
            let (bytes, proof) = (artifact.file(), &artifact.proof);
            assert_eq!(artifact.int8_agreement, Some((4, 4)), "{name}");
            let file = File::read(bytes);
            // Convolutions are in 8 bits, their biases in 32, and everything after the base in f32.
            let kind = |id: &usize| file.tensors[*id].kind;
            for operator in &file.operators {
                let kinds: Vec<i8> =
                    operator.inputs.iter().chain(&operator.outputs).map(kind).collect();
                match operator.code {
                    3 | 4 => assert_eq!((kinds, operator.version), (vec![9, 9, 2, 9], 3), "{name}"),
                    9 => assert_eq!((kinds, operator.version), (vec![0; 4], 1), "{name}"),
                    _ => {}
                }
            }
            assert_eq!((kind(&file.input), kind(&file.output)), (3, 0));
            let data = proof.pictures.iter().map(|&level| f32::from(level)).collect();
            let values = run(&file, Array { shape: proof.shape.to_vec(), data });
            let answers = &values[&file.output];
            let largest = proof.answers.iter().fold(1.0, |most: f32, x| most.max(x.abs()));
            let each = proof.answers.iter().zip(&answers.data);
            let off: Vec<f32> =
                each.map(|(ours, theirs)| (ours - theirs).abs() / largest).collect();
            // A sum in a different order may be rounded the other way, which moves a few values by more.
            let (mean, most) =
                (off.iter().sum::<f32>() / off.len() as f32, off.iter().fold(0.0, |a, b| b.max(a)));
            assert!(mean < 0.02 && most < 0.4, "{name}, {output}: {mean} and {most}");
        }
    }
    // Out of nine models with three outputs each.
    assert!(written >= 20, "{written}");
}

#[test]
fn int8_is_for_one_format_and_for_models_whose_answers_stay() {
    let (_, model) = models().swap_remove(0);
    let config = ExportConfig::default().with_int8(drawn::pictures(40, 32));
    let other = Format::find("onnx").unwrap().export(&model, &config);
    assert!(matches!(other, Err(ExportError::Int8Of { format: "onnx" })), "{other:?}");
    let cut = config.clone().with_int8(vec![0; 7]);
    let cut = Format::find("tflite").unwrap().export(&model, &cut);
    assert!(matches!(cut, Err(ExportError::Pictures { bytes: 7, .. })), "{cut:?}");
    // A head whose decision depends on differences that rounding erases.
    let mut fine = model.clone();
    let mut head = fine.head.head().clone();
    head.kernel.iter_mut().for_each(|w| *w *= 1e-4);
    head.bias = vec![1000.0, 1000.0, 1000.0, 1000.0];
    fine.head.set_head(head);
    let changes = Format::find("tflite").unwrap().export(&fine, &config);
    let Err(ExportError::Int8Changes { same, pictures: 4 }) = changes else {
        panic!("{changes:?}")
    };
    assert!(same < 4);
}

#[test]
fn labels_proof_and_metadata_are_where_they_are_looked_for() {
    let (_, model) = models().swap_remove(0);
    let artifact = exported(&model, Output::Probabilities);
    let (bytes, proof) = (artifact.file().to_vec(), artifact.proof);
    let mut archive = ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(archive.len(), 2);
    for index in 0..archive.len() {
        let entry = archive.by_index(index).unwrap();
        assert_eq!(entry.compression(), CompressionMethod::Stored, "MediaPipe unpacks nothing");
    }
    let mut read = |name: &str| {
        let mut content = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
        content
    };
    assert_eq!(read("labels.txt"), (AWKWARD.join("\n") + "\n").as_bytes());
    assert_eq!(read("headstart/proof.npz"), proof.to_npz());

    let file = File::read(&bytes);
    let entry = |name: &str| file.metadata.iter().find(|entry| entry.0 == name).unwrap().1;
    let description: serde_json::Value = serde_json::from_slice(entry("headstart")).unwrap();
    assert_eq!(description["classes"], serde_json::json!(AWKWARD));
    let metadata = entry(metadata::ENTRY);
    assert_eq!(&metadata[4..8], b"M001");
    let graphs = Table::root(metadata).tables(3);
    let (input, output) = (graphs[0].tables(2)[0], graphs[0].tables(3)[0]);
    let picture = input.table(3).unwrap();
    // The properties of an RGB picture that is not normalised beforehand.
    assert_eq!((picture.i8(0), picture.table(1).unwrap().i8(0)), (2, 1));
    let unit = input.tables(4)[0];
    let normalization = unit.table(1).unwrap();
    assert_eq!(
        (unit.i8(0), normalization.f32s(0), normalization.f32s(1)),
        (1, vec![0.0], vec![1.0])
    );
    let labels = output.tables(6)[0];
    assert_eq!((labels.text(0), labels.i8(2)), (metadata::LABELS, 2));

    let bytes = exported(&model, Output::Features).file().to_vec();
    let file = File::read(&bytes);
    let metadata = file.metadata.iter().find(|entry| entry.0 == metadata::ENTRY).unwrap().1;
    assert!(Table::root(metadata).tables(3)[0].tables(3)[0].tables(6).is_empty());
}
