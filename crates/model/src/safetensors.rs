//! Reads safetensors from bytes or a stream, and writes it: the format of the weights and models we produce.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

use half::f16;
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensorError};
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
    /// The header is invalid.
    #[error(transparent)]
    BadHeader(SafeTensorError),
    /// The source cannot be read.
    #[error(transparent)]
    Io(io::Error),
}

/// Parses a file in memory.
///
/// # Errors
/// When it is truncated or damaged.
pub fn read(bytes: &[u8]) -> Result<Contents, ReadError> {
    read_from(&mut &*bytes, bytes.len() as u64)
}

/// Reads a file of `length` bytes. Each tensor is decoded as it is read, so that the file is never in memory as a whole.
///
/// # Errors
/// When it is truncated or damaged, or cannot be read.
pub fn read_from(source: &mut dyn BufRead, length: u64) -> Result<Contents, ReadError> {
    let (header, header_end) = read_header(source, length)?;
    if header_end + header.data_len() as u64 != length {
        return Err(ReadError::OtherLength);
    }
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let mut contents = Contents { metadata, ..Contents::default() };
    // The header was checked: tensors follow each other without gaps, and their bytes match their shapes.
    for name in header.offset_keys() {
        let info = header.info(&name).expect("it is one of its names");
        let shape = info.shape.clone();
        let (start, end) = info.data_offsets;
        let float = match info.dtype {
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::Bf16,
            Dtype::F32 => Float::F32,
            Dtype::F64 => Float::F64,
            _ => {
                skip(source, end - start)?;
                contents.others.insert(name, shape);
                continue;
            }
        };
        let data = read_values(source, float, end - start)?;
        contents.tensors.insert(name, Tensor { shape, data });
    }
    Ok(contents)
}

/// Reads the header of a file of `length` bytes; also returns the offset of the first tensor.
fn read_header(source: &mut dyn BufRead, length: u64) -> Result<(Metadata, u64), ReadError> {
    const PREFIX: u64 = size_of::<u64>() as u64;
    let rest = length.checked_sub(PREFIX).ok_or(ReadError::HeaderCutShort)?;
    let mut prefix = [0; PREFIX as usize];
    source.read_exact(&mut prefix).map_err(cut_short)?;
    let header = u64::from_le_bytes(prefix);
    if header > rest {
        return Err(ReadError::HeaderCutShort);
    }
    if header > MAX_HEADER {
        return Err(ReadError::BadHeader(SafeTensorError::HeaderTooLarge));
    }
    let mut bytes = vec![0; header as usize];
    source.read_exact(&mut bytes).map_err(cut_short)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| ReadError::BadHeader(SafeTensorError::InvalidHeader(error)))?;
    let metadata = serde_json::from_str(text).map_err(|error| {
        ReadError::BadHeader(SafeTensorError::InvalidHeaderDeserialization(error))
    })?;
    Ok((metadata, PREFIX + header))
}

/// The error for a source that ends early or cannot be read.
fn cut_short(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ReadError::OtherLength,
        _ => ReadError::Io(error),
    }
}

/// Decodes the numbers in the next `length` bytes, which are whole ones.
fn read_values(
    source: &mut dyn BufRead,
    float: Float,
    mut length: usize,
) -> Result<Vec<f32>, ReadError> {
    let mut values = Vec::with_capacity(length / float.bytes());
    while length > 0 {
        let buffer = match source.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cut_short(error)),
        };
        let whole = buffer.len().min(length) / float.bytes() * float.bytes();
        if whole > 0 {
            float.decode_to(&buffer[..whole], &mut values);
            source.consume(whole);
            length -= whole;
            continue;
        }
        // The buffer ends within a number, or the source has ended.
        let mut number = [0; 8];
        let number = &mut number[..float.bytes()];
        source.read_exact(number).map_err(cut_short)?;
        float.decode_to(number, &mut values);
        length -= number.len();
    }
    Ok(values)
}

fn skip(source: &mut dyn BufRead, length: usize) -> Result<(), ReadError> {
    let skipped = io::copy(&mut source.take(length as u64), &mut io::sink()).map_err(cut_short)?;
    if skipped == length as u64 { Ok(()) } else { Err(ReadError::OtherLength) }
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
