//! The first directory of a TIFF, read without decoding.
//!
//! A decoder makes room for as many values as an entry counts before it reads them; that the file
//! holds them is checked here. Layout: TIFF 6.0, section 2; BigTIFF has wider counts and offsets.

use crate::{DecodeError, Format};

/// Entries that say how pixels are stored. Others, such as descriptions, may be lost.
const ABOUT_PIXELS: std::ops::RangeInclusive<u64> = 256..=532;
const ASCII: u64 = 2;

/// # Errors
/// When the file ends before the values that the directory counts.
pub(crate) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    match values_are_there(bytes) {
        Some(true) => Ok(()),
        _ => Err(DecodeError::Truncated { format: Format::Tiff }),
    }
}

/// `None` where the directory itself is cut.
fn values_are_there(bytes: &[u8]) -> Option<bool> {
    let big_endian = bytes.starts_with(b"M");
    let number = |at: u64, length: usize| -> Option<u64> {
        let field = bytes.get(usize::try_from(at).ok()?..)?.get(..length)?;
        let push = |number, byte: &u8| number << 8 | u64::from(*byte);
        Some(match big_endian {
            true => field.iter().fold(0, push),
            false => field.iter().rev().fold(0, push),
        })
    };
    // Bytes of an offset, and of the number of entries.
    let (wide, counted) = if number(2, 2)? == 43 { (8, 8) } else { (4, 2) };
    let directory = number(if wide == 8 { 8 } else { 4 }, wide)?;
    let (first, length) = (directory.checked_add(counted as u64)?, 4 + 2 * wide as u64);
    for entry in 0..number(directory, counted)? {
        let at = first.checked_add(entry.checked_mul(length)?)?;
        let (tag, kind, count) = (number(at, 2)?, number(at + 2, 2)?, number(at + 4, wide)?);
        if !ABOUT_PIXELS.contains(&tag) || kind == ASCII {
            continue;
        }
        let size = match kind {
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            _ => 1,
        };
        let taken = count.checked_mul(size)?;
        if taken > wide as u64 {
            let end = number(at + 4 + wide as u64, wide)?.checked_add(taken)?;
            if end > bytes.len() as u64 {
                return Some(false);
            }
        }
    }
    Some(true)
}
