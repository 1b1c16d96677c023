//! safetensors: a matrix and its labels, as written by `headstart features`.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use headstart_files::read_exact_at;
use serde::Deserialize;
use serde_json::Value;

use super::super::columns::{ColumnNames, Role};
use super::super::{ColumnUse, ListingProblem};
use super::{Cell, Contents, FeatureFile, Number, Problem, Raw, Take, rows_of_piece, runs};
use crate::decode::ContentHash;

/// Maximum length of a header in the format, in bytes.
const LONGEST: u64 = 100_000_000;
/// The metadata key for the origin of the features.
const ORIGIN: &str = "headstart.features";
const METADATA: &str = "__metadata__";

/// A tensor's entry in the header.
#[derive(Clone, Debug, Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

struct Safetensors {
    file: Arc<File>,
    /// Length of the header, in bytes.
    header: u64,
    rows: usize,
    width: usize,
    number: Number,
    features: Tensor,
    labels: Option<Tensor>,
    contents: Option<Tensor>,
    /// The name of the labels, corresponding to a column name.
    label_name: String,
    /// Names of all tensors.
    tensors: Vec<String>,
    /// The lists in the metadata.
    lists: Vec<Role>,
}

pub(super) fn open(path: &Path, asked: &ColumnNames) -> Result<FeatureFile, Problem> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut length = [0; 8];
    let no_file = || Problem::from("is no safetensors file, or ends early");
    read_exact_at(&file, &mut length, 0).map_err(|_| no_file())?;
    let header = u64::from_le_bytes(length);
    if header > LONGEST || header > len.saturating_sub(8) {
        return Err(no_file());
    }
    let (metadata, tensors) = read_header(&file, header)?;
    let bounds = len - 8 - header;
    for (name, tensor) in &tensors {
        let [start, end] = tensor.data_offsets;
        if start > end || end > bounds {
            return Err(format!("ends early, before the end of \"{name}\"").into());
        }
    }
    let is_matrix = |tensor: &Tensor| tensor.shape.len() == 2 && number(&tensor.dtype).is_some();
    let mut matrices = tensors.iter().filter(|(_, tensor)| is_matrix(tensor));
    let features =
        match (tensors.get("features").filter(|tensor| is_matrix(tensor)), matrices.next()) {
            (Some(features), _) => features,
            (None, Some((_, only))) if matrices.next().is_none() => only,
            _ => return Err("has no matrix of floats called \"features\"".into()),
        };
    let number = number(&features.dtype).expect("it is a matrix of floats");
    let (rows, width) = (features.shape[0] as usize, features.shape[1] as usize);
    let fits = |tensor: &Tensor, bytes: usize| {
        let count = tensor.shape.iter().try_fold(bytes as u64, |all, &axis| all.checked_mul(axis));
        count == Some(tensor.data_offsets[1] - tensor.data_offsets[0])
    };
    if !fits(features, number.bytes()) || width == 0 {
        return Err("its features have another shape than it declares".into());
    }
    let of_rows =
        |name: &str| tensors.get(name).filter(|t| t.shape.first() == Some(&(rows as u64)));
    let names: Vec<String> = tensors.keys().cloned().collect();
    let labels = match &asked.labels[..] {
        [] => of_rows("labels").or_else(|| of_rows("label")),
        asked => Some(of_rows(&asked[0]).ok_or_else(|| ListingProblem::NoSuchColumn {
            holds: ColumnUse::Labels,
            name: asked[0].clone(),
            columns: names.join(", "),
        })?),
    };
    let contents =
        of_rows("contents").filter(|t| t.dtype == "U8" && fits(t, 1) && t.shape[1..] == [16]);
    let lists = Role::ALL.into_iter().filter(|&role| metadata.contains_key(list(role)));
    let label_name = metadata.get("label").and_then(Value::as_str).unwrap_or("label");
    let contents = Safetensors {
        file: Arc::new(file),
        header,
        rows,
        width,
        number,
        features: features.clone(),
        labels: labels.cloned(),
        contents: contents.cloned(),
        label_name: label_name.to_owned(),
        tensors: names,
        lists: lists.collect(),
    };
    Ok(FeatureFile {
        path: path.to_owned(),
        rows,
        width: (rows > 0).then_some(width),
        number,
        origin: metadata.get(ORIGIN).and_then(Value::as_str).map(str::to_owned),
        contents: Box::new(contents),
    })
}

type Metadata = serde_json::Map<String, Value>;

fn read_header(file: &File, len: u64) -> Result<(Metadata, BTreeMap<String, Tensor>), Problem> {
    let mut bytes = vec![0; len as usize];
    read_exact_at(file, &mut bytes, 8)?;
    let wrong =
        |error: serde_json::Error| Problem::from(format!("its header is damaged ({error})"));
    let mut all: Metadata = serde_json::from_slice(&bytes).map_err(wrong)?;
    let metadata = match all.remove(METADATA) {
        Some(Value::Object(metadata)) => metadata,
        _ => Metadata::new(),
    };
    let tensors = all.into_iter().map(|(name, tensor)| Ok((name, serde_json::from_value(tensor)?)));
    Ok((metadata, tensors.collect::<Result<_, _>>().map_err(wrong)?))
}

fn number(dtype: &str) -> Option<Number> {
    match dtype {
        "F16" => Some(Number::F16),
        "F32" => Some(Number::F32),
        "F64" => Some(Number::F64),
        _ => None,
    }
}

/// The metadata key of a list of texts.
fn list(role: Role) -> &'static str {
    match role {
        Role::Path => "paths",
        Role::Label => "classes",
        Role::Split => "splits",
        Role::Group => "groups",
        Role::Weight => "weights",
    }
}

impl Safetensors {
    fn raw_of(&self, tensor: &Tensor) -> Raw {
        Raw { file: self.file.clone(), at: 8 + self.header + tensor.data_offsets[0] }
    }

    /// Reads a list stored as JSON in the metadata.
    fn list(&self, role: Role) -> Result<Vec<Value>, Problem> {
        let (metadata, _) = read_header(&self.file, self.header)?;
        let name = list(role);
        let text = metadata.get(name).and_then(Value::as_str).unwrap_or("[]");
        serde_json::from_str(text)
            .map_err(|error| format!("its \"{name}\" are no list ({error})").into())
    }
}

impl Contents for Safetensors {
    fn raw(&self) -> Option<Raw> {
        Some(self.raw_of(&self.features))
    }

    fn pieces(&self) -> Vec<Range<usize>> {
        runs(self.rows, rows_of_piece(self.width * self.number.bytes()))
    }

    fn read(&self, piece: usize, each: &mut Take<'_>) -> Result<(), Problem> {
        let rows = self.pieces()[piece].clone();
        self.raw_of(&self.features).read(rows, self.width * self.number.bytes(), each)
    }

    fn label_name(&self) -> Option<&str> {
        self.labels.as_ref().map(|_| &*self.label_name)
    }

    fn labels(&self, each: &mut dyn FnMut(Cell<'_>)) -> Result<(), Problem> {
        let Some(labels) = &self.labels else {
            let tensors = self.tensors.join(", ");
            let lacks = format!(
                "has no labels, a tensor of integers with one for each row; its tensors are {tensors}"
            );
            return Err(ListingProblem::NoLabels { lacks }.into());
        };
        let (size, read): (usize, fn(&[u8]) -> i64) = match &*labels.dtype {
            "I64" => (8, |b| i64::from_le_bytes(b.try_into().expect("eight bytes"))),
            "I32" => (4, |b| i32::from_le_bytes(b.try_into().expect("four bytes")).into()),
            "I16" => (2, |b| i16::from_le_bytes(b.try_into().expect("two bytes")).into()),
            "I8" => (1, |b| (b[0] as i8).into()),
            "U8" | "BOOL" => (1, |b| b[0].into()),
            other => return Err(format!("its labels are {other}; give integers").into()),
        };
        if labels.data_offsets[1] - labels.data_offsets[0] != (self.rows * size) as u64 {
            return Err("its labels are not one for each row".into());
        }
        let classes = self.list(Role::Label)?;
        let mut wrong = None;
        self.raw_of(labels).read(0..self.rows, size, &mut |bytes| {
            for number in bytes.chunks_exact(size).map(read) {
                let name = usize::try_from(number).ok().and_then(|n| classes.get(n)?.as_str());
                match (name, number) {
                    (Some(name), _) => each(Cell::Text(name)),
                    (None, -1) => each(Cell::None),
                    (None, number) if classes.is_empty() => each(Cell::Text(&number.to_string())),
                    (None, number) => {
                        wrong.get_or_insert(number);
                        each(Cell::None);
                    }
                }
            }
            Ok(())
        })?;
        wrong.map_or(Ok(()), |number| {
            let known = classes.len();
            Err(format!("has the label {number}, and names of {known} classes").into())
        })
    }

    fn marks(&self, _: &mut dyn FnMut(usize, usize, &str)) -> Result<(), Problem> {
        Err("labels of a column for each class are read of Parquet and .npy: give one name".into())
    }

    fn has(&self, role: Role) -> bool {
        self.lists.contains(&role)
    }

    fn texts(&self, role: Role, each: &mut dyn FnMut(&str)) -> Result<(), Problem> {
        for value in self.list(role)? {
            match value {
                Value::String(text) => each(&text),
                Value::Number(number) => each(&number.to_string()),
                _ => each(""),
            }
        }
        Ok(())
    }

    fn contents(&self) -> Result<Option<Vec<ContentHash>>, Problem> {
        let Some(tensor) = &self.contents else { return Ok(None) };
        let mut hashes = Vec::with_capacity(self.rows);
        self.raw_of(tensor).read(0..self.rows, 16, &mut |bytes| {
            hashes.extend(bytes.as_chunks().0.iter().map(|hash| ContentHash(*hash)));
            Ok(())
        })?;
        Ok(Some(hashes))
    }
}
