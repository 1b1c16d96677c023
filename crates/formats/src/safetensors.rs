//! Safetensors files, written atomically.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::Path;

use headstart_files::AtomicFile;
use headstart_model::Tensor;
use headstart_model::safetensors::{self, Contents, ReadError, WriteError};

use crate::checkpoint::Checkpoint;
use crate::error::FormatError;

pub use headstart_model::safetensors::{ARCHITECTURE, Stored};

/// Reads a file of `length` bytes into an empty checkpoint.
pub(super) fn read(
    source: &mut dyn BufRead,
    length: u64,
    checkpoint: Checkpoint,
) -> Result<Checkpoint, ReadError> {
    let Contents { tensors, others, metadata } = safetensors::read_from(source, length)?;
    Ok(Checkpoint { tensors, others, metadata, ..checkpoint })
}

/// Writes tensors to `path`, all or nothing: see [`AtomicFile`]. Equal tensors and metadata give
/// equal bytes.
///
/// # Errors
/// [`FormatError::Io`], naming `path`, and [`FormatError::OutOfRange`] for a finite value that f16
/// cannot represent. The temporary file is then removed and `path` is unchanged.
pub fn write<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor, Stored)>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), FormatError> {
    let path = path.as_ref();
    let mut file = AtomicFile::create(path)?;
    let mut out = io::BufWriter::new(&mut file);
    let written = safetensors::write(&mut out, tensors, metadata)
        .and_then(|()| out.flush().map_err(WriteError::from));
    drop(out);
    match written {
        Ok(()) => Ok(file.commit()?),
        Err(WriteError::Io(cause)) => Err(file.error(cause).into()),
        Err(WriteError::OutOfRange(found)) => {
            Err(FormatError::OutOfRange { file: path.display().to_string(), found })
        }
    }
}
