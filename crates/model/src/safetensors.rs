//! safetensors: read, and written so that a failure leaves nothing half-written.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use half::f16;
use headstart_files::AtomicFile;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::json;

use super::Checkpoint;
use super::convert::Float;
use crate::{ModelError, Tensor};

/// The entry of the metadata that names the architecture the weights are for:
/// `mobilenetv2-torch`. [`super::assign`] refuses another network where it is there.
pub const ARCHITECTURE: &str = "headstart.architecture";

/// Largest header, the format's own limit.
pub(super) const MAX_HEADER: u64 = 100_000_000;

pub(super) fn read(bytes: &[u8], mut checkpoint: Checkpoint) -> Result<Checkpoint, String> {
    let header = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    if bytes.len() as u64 - 8 < header {
        return Err("it is cut short within its header".to_owned());
    }
    let explain = |error| match error {
        SafeTensorError::MetadataIncompleteBuffer => {
            "it is cut short, or not as long as its header says".to_owned()
        }
        error => error.to_string(),
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(explain)?;
    checkpoint.metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    for (name, view) in SafeTensors::deserialize(bytes).map_err(explain)?.iter() {
        let shape = view.shape().to_vec();
        let float = match view.dtype() {
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::Bf16,
            Dtype::F32 => Float::F32,
            Dtype::F64 => Float::F64,
            _ => {
                checkpoint.others.insert(name.to_owned(), shape);
                continue;
            }
        };
        let data = float.decode(view.data());
        if data.len() != shape.iter().product::<usize>() {
            return Err(format!("its tensor '{name}' has {} values for {shape:?}", data.len()));
        }
        checkpoint.tensors.insert(name.to_owned(), Tensor { shape, data });
    }
    Ok(checkpoint)
}

/// The type in which a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// 32 bits a value, exact.
    F32,
    /// 16 bits a value, rounded to nearest even.
    F16,
}

/// Writes tensors to `path`, all or nothing: see [`AtomicFile`]. The same tensors and metadata
/// give the same bytes.
///
/// # Errors
/// [`ModelError::Io`], naming `path`, and [`ModelError::OutOfRange`] for a finite value that f16
/// cannot hold; the temporary file is removed and `path` is as it was.
pub fn write<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor, Stored)>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), ModelError> {
    let path = path.as_ref();
    let tensors: BTreeMap<_, _> =
        tensors.into_iter().map(|(name, tensor, stored)| (name, (tensor, stored))).collect();
    for (name, (tensor, stored)) in &tensors {
        let too_large = |x: &&f32| x.is_finite() && f16::from_f32(**x).is_infinite();
        let found = tensor.data.iter().find(too_large).filter(|_| *stored == Stored::F16);
        if let Some(&value) = found {
            let (file, tensor) = (path.display().to_string(), (*name).to_owned());
            return Err(ModelError::OutOfRange { file, tensor, value });
        }
    }
    let mut file = AtomicFile::create(path)?;
    let mut out = io::BufWriter::new(&mut file);
    let written = encode(&mut out, &tensors, metadata).and_then(|()| out.flush());
    drop(out);
    written.map_err(|cause| file.error(cause))?;
    Ok(file.commit()?)
}

/// The format, written here rather than by the crate that reads it: that one writes the
/// metadata in a random order, and the same model would not be the same file.
fn encode(
    out: &mut dyn Write,
    tensors: &BTreeMap<&str, (&Tensor, Stored)>,
    metadata: &BTreeMap<String, String>,
) -> io::Result<()> {
    // Values of four bytes first, so that each tensor is aligned.
    let sorted = || {
        let of = |wanted| tensors.iter().filter(move |(_, (_, stored))| *stored == wanted);
        of(Stored::F32).chain(of(Stored::F16))
    };
    let mut header = serde_json::Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), json!(metadata));
    }
    let mut offset = 0;
    for (name, (tensor, stored)) in sorted() {
        let (dtype, size) = match stored {
            Stored::F32 => ("F32", 4),
            Stored::F16 => ("F16", 2),
        };
        let end = offset + tensor.data.len() * size;
        let entry = json!({"dtype": dtype, "shape": tensor.shape, "data_offsets": [offset, end]});
        header.insert((*name).to_owned(), entry);
        offset = end;
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    for (_, (tensor, stored)) in sorted() {
        let bytes: Vec<u8> = match stored {
            Stored::F32 => tensor.data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Stored::F16 => {
                tensor.data.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect()
            }
        };
        out.write_all(&bytes)?;
    }
    Ok(())
}
