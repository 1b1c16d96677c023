//! The metadata of a model, in TensorFlow Lite's metadata schema (M001), as MediaPipe's image classifier reads it: the
//! input is a picture, and the labels of the output are in a file in the archive that is appended to the model.

use flatbuffers::FlatBufferBuilder;

use super::flatbuffer::{Builder, Table, table};

/// The name of the metadata entry.
pub(super) const ENTRY: &str = "TFLITE_METADATA";
/// The name of the file with the labels.
pub(super) const LABELS: &str = "labels.txt";
const IDENTIFIER: &str = "M001";

/// Constants of the schema.
const LABELS_OF_AN_AXIS: i8 = 2;
const FEATURE: u8 = 1;
const IMAGE: u8 = 2;
const RGB: i8 = 1;
const NORMALIZATION: u8 = 1;

/// The metadata's bytes. `labelled` is whether the output has a value for each class.
pub(super) fn bytes(name: &str, words: &str, output: &str, labelled: bool) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let b = &mut builder;
    let input = picture(b, words);
    let files = labelled.then(|| {
        let (name, about) = (b.create_string(LABELS), b.create_string("The classes, a line each."));
        let file = table(b, |fields| {
            fields.set(0, name).set(1, about).set(2, LABELS_OF_AN_AXIS);
        });
        b.create_vector(&[file])
    });
    let (output_name, content) =
        (b.create_string(output), content(b, FEATURE, |b| table(b, |_| {})));
    let output = table(b, |fields| {
        fields.set(0, output_name).set(3, content);
        if let Some(files) = files {
            fields.set(6, files);
        }
    });
    let (inputs, outputs) = (b.create_vector(&[input]), b.create_vector(&[output]));
    let graph = table(b, |fields| {
        fields.set(2, inputs).set(3, outputs);
    });
    let graphs = b.create_vector(&[graph]);
    let (name, words) = (b.create_string(name), b.create_string(words));
    let [author, version, parser] =
        ["headstart", concat!("headstart ", env!("CARGO_PKG_VERSION")), "1.0.0"]
            .map(|text| b.create_string(text));
    let root = table(b, |fields| {
        fields.set(0, name).set(1, words).set(2, version).set(3, graphs).set(4, author);
        fields.set(7, parser);
    });
    b.finish(root, Some(IDENTIFIER));
    b.finished_data().to_vec()
}

/// The input: an RGB picture, which the model scales itself.
fn picture(b: &mut Builder<'_>, words: &str) -> Table {
    let (name, about) = (b.create_string("pixels"), b.create_string(words));
    let content = content(b, IMAGE, |b| {
        table(b, |fields| {
            fields.set(0, RGB);
        })
    });
    let (mean, deviation) = (b.create_vector(&[0_f32]), b.create_vector(&[1_f32]));
    let normalization = table(b, |fields| {
        fields.set(0, mean).set(1, deviation);
    });
    let unit = table(b, |fields| {
        fields.set(0, NORMALIZATION).set(1, normalization);
    });
    let units = b.create_vector(&[unit]);
    let (most, least) = (b.create_vector(&[255_f32]), b.create_vector(&[0_f32]));
    let range = table(b, |fields| {
        fields.set(0, most).set(1, least);
    });
    table(b, |fields| {
        fields.set(0, name).set(1, about).set(3, content).set(4, units).set(5, range);
    })
}

fn content<'a>(
    b: &mut Builder<'a>,
    kind: u8,
    properties: impl FnOnce(&mut Builder<'a>) -> Table,
) -> Table {
    let properties = properties(b);
    table(b, |fields| {
        fields.set(0, kind).set(1, properties);
    })
}
