use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{DecodeError, Limits, SNIFF_BYTES, sniff};

/// Reads a file that should be a picture, and stops early when it is none.
///
/// # Errors
/// [`DecodeError::Io`], [`DecodeError::FileTooLarge`], or what [`sniff`] says of the
/// first bytes.
pub fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    // Opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(DecodeError::NotAPicture { what: "a folder" });
    }
    if !metadata.is_file() {
        return Err(DecodeError::NotAPicture { what: "no regular file" });
    }
    read_picture(File::open(path)?, Some(metadata.len()), limits)
}

/// Reads what should be a picture, and stops early when it is none or more than may be. `size` is how
/// many bytes there are, where that is known well enough to take memory for them.
///
/// # Errors
/// As [`read_file`].
pub fn read_picture(
    mut from: impl Read,
    size: Option<u64>,
    limits: &Limits,
) -> Result<Vec<u8>, DecodeError> {
    let limit = limits.max_file_bytes;
    let too_large = |bytes: u64| match bytes > limit {
        true => Err(DecodeError::FileTooLarge { bytes, limit }),
        false => Ok(()),
    };
    let mut bytes = Vec::new();
    from.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut bytes)?;
    sniff(&bytes)?;
    if let Some(size) = size {
        too_large(size)?;
        bytes.reserve_exact((size as usize).saturating_sub(bytes.len()) + 1);
    }
    let rest = limit.saturating_add(1).saturating_sub(bytes.len() as u64);
    from.take(rest).read_to_end(&mut bytes)?;
    too_large(bytes.len() as u64)?;
    Ok(bytes)
}
