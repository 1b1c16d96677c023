//! The proof of an exported file: pictures with headstart's answers.

use std::io::{Cursor, Write};

use headstart_predict::{Compute, FeatureExtractor, Rgb};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use crate::subject::Subject;
use crate::{ExportError, Output, drawn};

/// Pictures at a model's size, and headstart's answers; for an int8 file, the answers in int8.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    /// u8 RGB, `[n][height][width][3]`.
    pub pictures: Vec<u8>,
    /// `[n][height][width][3]`.
    pub shape: [usize; 4],
    /// The expected output of the file: f32, `[n][outputs]`.
    pub answers: Vec<f32>,
    /// The description of the model, as JSON.
    pub description: String,
}

impl Proof {
    /// Computes the answers.
    pub(crate) fn new(subject: &Subject<'_>) -> Result<Self, ExportError> {
        let (height, width) = subject.size();
        let pictures = match subject.config.pictures.as_slice() {
            [] => drawn::pictures(height, width),
            given => given.to_vec(),
        };
        let each = height * width * 3;
        if !pictures.len().is_multiple_of(each) {
            return Err(ExportError::Pictures { width, height, bytes: pictures.len() });
        }
        let answers = answers(subject, &pictures);
        let shape = [pictures.len() / each, height, width, 3];
        Ok(Self { pictures, shape, answers, description: subject.description.to_string() })
    }

    /// The number of pictures.
    pub fn count(&self) -> usize {
        self.shape[0]
    }

    /// The proof as NumPy's `.npz`: arrays `pictures` and `answers`, and the model's description as `description.json`.
    pub fn to_npz(&self) -> Vec<u8> {
        let answers = [self.count(), self.answers.len() / self.count().max(1)];
        let values: Vec<u8> = self.answers.iter().flat_map(|x| x.to_le_bytes()).collect();
        zipped(
            CompressionMethod::Deflated,
            &[
                ("pictures.npy", &npy("|u1", &self.shape, &self.pictures)),
                ("answers.npy", &npy("<f4", &answers, &values)),
                ("description.json", self.description.as_bytes()),
            ],
        )
    }
}

/// The expected output of the file for pictures at the model's size.
fn answers(subject: &Subject<'_>, pictures: &[u8]) -> Vec<f32> {
    let model = subject.model;
    let (height, width) = subject.size();
    let base = FeatureExtractor::new(&model.network, &model.weights, Compute::default());
    let features = pictures.chunks_exact(height * width * 3).flat_map(|pixels| {
        if let Some(int8) = &subject.int8 {
            return int8.features(pixels);
        }
        let picture = Rgb::new(width, height, pixels.to_vec()).expect("pixels of this size");
        base.features_of(&picture)
    });
    let features: Vec<f32> = features.collect();
    let head = &model.head;
    match subject.output() {
        Output::Features => features,
        Output::Probabilities => head.probabilities(&features),
        Output::Logits => {
            let logits = head.head().logits(&features);
            match head.head().units() < head.classes().len() {
                true => logits.into_iter().flat_map(|logit| [0.0, logit]).collect(),
                false => logits,
            }
        }
    }
}

/// An array in NumPy's format, version 1.
fn npy(kind: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let mut header =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", axes.join(", "));
    // Everything before the data is a multiple of 64 bytes long, and ends with a newline.
    const BEFORE: usize = 10;
    let padded = (BEFORE + header.len() + 1).next_multiple_of(64) - BEFORE;
    header += &" ".repeat(padded - 1 - header.len());
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.into_bytes());
    file.extend(data);
    file
}

/// A zip archive of these entries. The same entries give the same bytes.
pub(crate) fn zipped(method: CompressionMethod, entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::default());
    for (name, bytes) in entries {
        archive.start_file(*name, options).expect("memory takes what it is given");
        archive.write_all(bytes).expect("memory takes what it is given");
    }
    archive.finish().expect("memory takes what it is given").into_inner()
}
