//! Reads safetensors from bytes and writes it: the format of the weights and models we produce.

use std::collections::BTreeMap;
use std::io::{self, Write};

use half::f16;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::json;

use crate::{Float, Tensor};

/// The metadata entry that names the architecture of the weights: `mobilenetv2-torch`. Weights with this entry fit no
/// other architecture.
pub const ARCHITECTURE: &str = "headstart.architecture";

/// Largest header, in bytes; the format's own limit.
pub const MAX_HEADER: u64 = 100_000_000;

/// The content of a safetensors file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Tensors of floating-point numbers, as f32.
    pub tensors: BTreeMap<String, Tensor>,
    /// Names and shapes of tensors of other types.
    pub others: BTreeMap<String, Vec<usize>>,
    /// The free-form entries of the header.
    pub metadata: BTreeMap<String, String>,
}

/// The reason why bytes are not a safetensors file; the caller adds the file's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes end within the header.
    #[error("it is truncated within its header")]
    HeaderCutShort,
    /// The number of bytes differs from what the header specifies.
    #[error("it is truncated, or not as long as its header says")]
    OtherLength,
    /// The number of a tensor's bytes does not match its shape.
    #[error("its tensor '{tensor}' has {values} values for {shape:?}")]
    OtherShape {
        /// The tensor.
        tensor: String,
        /// Its number of values.
        values: usize,
        /// Its shape according to the header.
        shape: Vec<usize>,
    },
    /// The header is invalid.
    #[error(transparent)]
    BadHeader(SafeTensorError),
}

/// Parses a file in memory.
///
/// # Errors
/// When it is truncated or damaged.
pub fn read(bytes: &[u8]) -> Result<Contents, ReadError> {
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or(ReadError::HeaderCutShort)?;
    if (rest.len() as u64) < u64::from_le_bytes(*length) {
        return Err(ReadError::HeaderCutShort);
    }
    let explain = |error| match error {
        SafeTensorError::MetadataIncompleteBuffer => ReadError::OtherLength,
        error => ReadError::BadHeader(error),
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(explain)?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let mut contents = Contents { metadata, ..Contents::default() };
    for (name, view) in SafeTensors::deserialize(bytes).map_err(explain)?.iter() {
        let shape = view.shape().to_vec();
        let float = match view.dtype() {
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::Bf16,
            Dtype::F32 => Float::F32,
            Dtype::F64 => Float::F64,
            _ => {
                contents.others.insert(name.to_owned(), shape);
                continue;
            }
        };
        let data = float.decode(view.data());
        if data.len() != shape.iter().product::<usize>() {
            let (tensor, values) = (name.to_owned(), data.len());
            return Err(ReadError::OtherShape { tensor, values, shape });
        }
        contents.tensors.insert(name.to_owned(), Tensor { shape, data });
    }
    Ok(contents)
}

/// The storage type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// 32 bits per value, exact.
    F32,
    /// 16 bits per value, rounded to nearest even.
    F16,
}

/// The reason why tensors could not be written; the caller adds the file's name.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A finite value is too large for the requested type.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// A value that is too large for the requested type.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{tensor} contains {value}, which is out of range for f16; store it as f32")]
pub struct OutOfRange {
    /// The tensor.
    pub tensor: String,
    /// The first such value.
    pub value: f32,
}

/// Writes tensors in order of their names. The same tensors and metadata always give the same bytes, unlike with the
/// crate that parses them, which writes metadata in random order.
///
/// # Errors
/// [`WriteError::OutOfRange`], before anything is written, for a finite value that f16 cannot represent, and
/// [`WriteError::Io`].
pub fn write<'a>(
    out: &mut dyn Write,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor, Stored)>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), WriteError> {
    let tensors: BTreeMap<_, _> =
        tensors.into_iter().map(|(name, tensor, stored)| (name, (tensor, stored))).collect();
    for (name, (tensor, stored)) in &tensors {
        let too_large = |x: &&f32| x.is_finite() && f16::from_f32(**x).is_infinite();
        let found = tensor.data.iter().find(too_large).filter(|_| *stored == Stored::F16);
        if let Some(&value) = found {
            return Err(OutOfRange { tensor: (*name).to_owned(), value }.into());
        }
    }
    // Four-byte values first, so that each tensor is aligned.
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
