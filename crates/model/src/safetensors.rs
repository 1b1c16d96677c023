//! safetensors, from bytes and to a writer: the format of what is ours.

use std::collections::BTreeMap;
use std::io::{self, Write};

use half::f16;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use serde_json::json;

use crate::{Float, Tensor};

/// The entry of the metadata that names the architecture the weights are for:
/// `mobilenetv2-torch`. Where it is there, they are not for another.
pub const ARCHITECTURE: &str = "headstart.architecture";

/// Largest header, the format's own limit.
pub const MAX_HEADER: u64 = 100_000_000;

/// What a safetensors file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contents {
    /// Tensors of floating-point numbers, as f32.
    pub tensors: BTreeMap<String, Tensor>,
    /// Names and shapes of tensors of other numbers.
    pub others: BTreeMap<String, Vec<usize>>,
    /// The free-form entries of the header.
    pub metadata: BTreeMap<String, String>,
}

/// Why bytes are not a safetensors file; to be completed with the file's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes end before the header does.
    #[error("it is cut short within its header")]
    HeaderCutShort,
    /// There are fewer or more bytes than the header says.
    #[error("it is cut short, or not as long as its header says")]
    OtherLength,
    /// A tensor's bytes are not of its shape.
    #[error("its tensor '{tensor}' has {values} values for {shape:?}")]
    OtherShape {
        /// The tensor.
        tensor: String,
        /// How many values it has.
        values: usize,
        /// The shape that the header gives it.
        shape: Vec<usize>,
    },
    /// The header is not one.
    #[error(transparent)]
    BadHeader(SafeTensorError),
}

/// Reads a file that is in memory.
///
/// # Errors
/// When it is cut short or damaged.
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

/// The type in which a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stored {
    /// 32 bits a value, exact.
    F32,
    /// 16 bits a value, rounded to nearest even.
    F16,
}

/// Why tensors could not be written; to be completed with the file's name.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The writer failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A finite value is too large for the type asked for.
    #[error(transparent)]
    OutOfRange(#[from] OutOfRange),
}

/// A value cannot be stored in the type asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{tensor} holds {value}, which f16 cannot hold; store it as f32")]
pub struct OutOfRange {
    /// The tensor.
    pub tensor: String,
    /// The first such value.
    pub value: f32,
}

/// Writes tensors in the order of their names. The same tensors and metadata give the same bytes,
/// unlike those of the crate that reads them, which writes the metadata in a random order.
///
/// # Errors
/// [`WriteError::OutOfRange`], before anything is written, for a finite value that f16 cannot
/// hold, and [`WriteError::Io`].
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
