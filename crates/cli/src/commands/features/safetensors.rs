//! safetensors: `features` and `labels`, with paths and class names as JSON in the metadata.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::ensure;
use headstart::data::sources::Listed;
use serde_json::json;

use super::Writer;

struct Safetensors {
    out: BufWriter<File>,
    /// Bytes kept free for the header, which is written last.
    reserved: usize,
    features: usize,
    classes: Vec<String>,
    paths: Vec<String>,
    /// Index of the class, -1 for a picture without label.
    labels: Vec<i64>,
}

pub(super) fn open(
    file: File,
    _: &Path,
    pictures: &[Listed],
    features: usize,
) -> anyhow::Result<Box<dyn Writer>> {
    let labels = pictures.iter().filter(|p| p.label.is_some()).map(|p| p.label.to_cell());
    let classes: Vec<String> = labels.collect::<BTreeSet<_>>().into_iter().collect();
    let all: Vec<String> = pictures.iter().map(|p| p.at.to_string()).collect();
    // Fewer pictures make a shorter header, which spaces fill up.
    let reserved = header(&all, &classes, features).len();
    let mut out = BufWriter::new(file);
    out.seek(SeekFrom::Start(8 + reserved as u64))?;
    let (paths, labels) = (Vec::new(), Vec::new());
    Ok(Box::new(Safetensors { out, reserved, features, classes, paths, labels }))
}

/// The header for these pictures, padded such that the data is aligned.
fn header(paths: &[String], classes: &[String], features: usize) -> Vec<u8> {
    let rows = paths.len();
    let matrix = rows * features * size_of::<f32>();
    let end = matrix + rows * size_of::<i64>();
    let header = json!({
        "__metadata__": {
            "paths": json!(paths).to_string(),
            "classes": json!(classes).to_string(),
        },
        "features": {"dtype": "F32", "shape": [rows, features], "data_offsets": [0, matrix]},
        "labels": {"dtype": "I64", "shape": [rows], "data_offsets": [matrix, end]},
    });
    let mut header = header.to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

impl Writer for Safetensors {
    fn push(&mut self, path: &str, label: Option<&str>, features: &[f32]) -> anyhow::Result<()> {
        for value in features {
            self.out.write_all(&value.to_le_bytes())?;
        }
        let class = label.and_then(|label| self.classes.iter().position(|c| c == label));
        self.labels.push(class.map_or(-1, |class| class as i64));
        self.paths.push(path.to_owned());
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        for label in &self.labels {
            self.out.write_all(&label.to_le_bytes())?;
        }
        let mut header = header(&self.paths, &self.classes, self.features);
        ensure!(header.len() <= self.reserved, "the header grew");
        header.resize(self.reserved, b' ');
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&(self.reserved as u64).to_le_bytes())?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok(())
    }
}
