//! safetensors: the tensors `features`, `labels` and `contents` (the hashes of the pixels). Paths, class
//! names and everything else are JSON in the metadata.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use anyhow::ensure;
use headstart::data::sources::Listed;
use headstart::{FeatureOrigin, Precision};
use serde_json::{Value, json};

use super::{Row, Table, Writer};

struct Safetensors {
    out: BufWriter<File>,
    /// Bytes reserved for the header, which is written last.
    reserved: usize,
    table: Table,
    metadata: Metadata,
    /// Class index of each picture, or -1 for a picture without a label.
    labels: Vec<i64>,
    contents: Vec<u8>,
    bytes: Vec<u8>,
}

/// What the header contains about the pictures.
#[derive(Default)]
struct Metadata {
    origin: String,
    classes: Vec<String>,
    paths: Vec<String>,
    splits: Vec<Option<String>>,
    groups: Vec<Option<String>>,
    weights: Vec<f32>,
}

impl Metadata {
    fn push(&mut self, table: &Table, row: &Row<'_>) {
        self.paths.push(row.path());
        if table.has_split {
            self.splits.push(row.split());
        }
        if table.has_group {
            self.groups.push(row.group().map(str::to_owned));
        }
        if table.has_weight {
            self.weights.push(row.weight());
        }
    }

    /// The header for these pictures, padded so that the data is aligned.
    fn header(&self, table: &Table) -> Vec<u8> {
        let rows = self.paths.len();
        let matrix = rows * table.width * table.precision.bytes();
        let labels = matrix + rows * size_of::<i64>();
        let mut metadata = json!({
            FeatureOrigin::KEY: self.origin,
            "paths": json!(self.paths).to_string(),
            "classes": json!(self.classes).to_string(),
            "label": table.label,
        });
        let beside: [(bool, &str, Value); 3] = [
            (table.has_split, "splits", json!(self.splits)),
            (table.has_group, "groups", json!(self.groups)),
            (table.has_weight, "weights", json!(self.weights)),
        ];
        for (_, name, values) in beside.into_iter().filter(|(has, ..)| *has) {
            metadata[name] = values.to_string().into();
        }
        let dtype = match table.precision {
            Precision::F32 => "F32",
            Precision::F16 => "F16",
        };
        let end = labels + rows * CONTENT;
        let header = json!({
            "__metadata__": metadata,
            "features": {"dtype": dtype, "shape": [rows, table.width], "data_offsets": [0, matrix]},
            "labels": {"dtype": "I64", "shape": [rows], "data_offsets": [matrix, labels]},
            "contents": {"dtype": "U8", "shape": [rows, CONTENT], "data_offsets": [labels, end]},
        });
        let mut header = header.to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        header
    }
}

/// Size of the hash of a picture's pixels, in bytes.
const CONTENT: usize = 16;

pub(super) fn open(
    file: File,
    pictures: &[Listed],
    table: Table,
    origin: &FeatureOrigin,
) -> anyhow::Result<Box<dyn Writer>> {
    let mut metadata = Metadata { origin: serde_json::to_string(origin)?, ..Metadata::default() };
    let labels = pictures.iter().filter(|p| p.label.is_some()).map(|p| p.label.to_cell());
    metadata.classes = labels.collect::<BTreeSet<_>>().into_iter().collect();
    pictures.iter().for_each(|picture| metadata.push(&table, &Row::listed(picture)));
    // If some pictures turn out unreadable, the header is shorter and is padded with spaces.
    let reserved = metadata.header(&table).len();
    metadata =
        Metadata { origin: metadata.origin, classes: metadata.classes, ..Metadata::default() };
    let mut out = BufWriter::new(file);
    out.seek(SeekFrom::Start(8 + reserved as u64))?;
    let (labels, contents, bytes) = (Vec::new(), Vec::new(), Vec::new());
    Ok(Box::new(Safetensors { out, reserved, table, metadata, labels, contents, bytes }))
}

impl Writer for Safetensors {
    fn push(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        self.bytes.clear();
        self.table.precision.encode(row.features, &mut self.bytes);
        self.out.write_all(&self.bytes)?;
        let label = row.label();
        let class = label.and_then(|label| self.metadata.classes.binary_search(&label).ok());
        self.labels.push(class.map_or(-1, |class| class as i64));
        self.contents.extend(row.content.0);
        self.metadata.push(&self.table, row);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        for label in &self.labels {
            self.out.write_all(&label.to_le_bytes())?;
        }
        self.out.write_all(&self.contents)?;
        let mut header = self.metadata.header(&self.table);
        ensure!(header.len() <= self.reserved, "the header grew");
        header.resize(self.reserved, b' ');
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&(self.reserved as u64).to_le_bytes())?;
        self.out.write_all(&header)?;
        self.out.flush()?;
        Ok(())
    }
}
