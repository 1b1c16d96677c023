use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::{DecodeError, Limits, SNIFF_BYTES, sniff};

/// Reads a file that is expected to be a picture, and stops early if it is not one.
///
/// # Errors
/// [`DecodeError::Io`], [`DecodeError::FileTooLarge`], or the errors of [`sniff`] for the first bytes.
pub fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    Ok(read_file_with(path, limits, &mut |_| true)?.expect("there is room"))
}

/// [`read_file`] with limited memory.
///
/// Before memory is allocated, `room` is called with the total number of bytes needed, and returns whether they are
/// available; its first call may wait for them. `None` if `room` returns false.
///
/// # Errors
/// As [`read_file`].
pub fn read_file_with(
    path: &Path,
    limits: &Limits,
    room: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Vec<u8>>, DecodeError> {
    // Opening a pipe would block until it has a writer.
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(DecodeError::NotAPicture { what: "a folder" });
    }
    if !metadata.is_file() {
        return Err(DecodeError::NotAPicture { what: "no regular file" });
    }
    read_picture(File::open(path)?, Size::Known(metadata.len()), limits, room)
}

/// The number of bytes to read.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    /// The exact size: a file over the limit is refused before reading.
    Known(u64),
    /// An estimate.
    Guessed(u64),
}

/// Reads data that is expected to be a picture, and stops early if it is not one or exceeds the limit. `room` is as in
/// [`read_file_with`].
///
/// # Errors
/// As [`read_file`].
pub fn read_picture(
    mut from: impl Read,
    size: Size,
    limits: &Limits,
    room: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Vec<u8>>, DecodeError> {
    let limit = limits.max_file_bytes;
    let too_large = |bytes: u64| match bytes > limit {
        true => Err(DecodeError::FileTooLarge { bytes, limit }),
        false => Ok(()),
    };
    let mut bytes = Vec::new();
    from.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut bytes)?;
    sniff(&bytes)?;
    let expected = match size {
        Size::Known(size) => too_large(size).map(|()| size)?,
        Size::Guessed(size) => size,
    };
    // There may still be more data than expected.
    let mut most = expected.max(bytes.len() as u64).min(limit);
    loop {
        if !room(most) {
            return Ok(None);
        }
        // Try to read one byte more: its absence shows that the end was reached.
        let left = most.saturating_add(1).saturating_sub(bytes.len() as u64);
        bytes.reserve_exact(usize::try_from(left).unwrap_or(usize::MAX));
        from.by_ref().take(left).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= most {
            return Ok(Some(bytes));
        }
        too_large(bytes.len() as u64)?;
        most = most.saturating_mul(2).min(limit);
    }
}
