//! Computes the size of delta-encoded texts before they are decoded.

use crate::thrift::{ENDS, Result, Thrift};

const MISTAKEN: &str = "the lengths of its values are mistaken";
/// Maximum number of bits of a length.
const WIDEST: u64 = 32;

/// The total size of a page's texts in bytes. With `prefixed`, each text shares a prefix with the
/// one before (`DELTA_BYTE_ARRAY`).
///
/// # Errors
/// If lengths are invalid, or there are more than `most`.
pub(crate) fn unfolded(bytes: &[u8], prefixed: bool, most: u64) -> Result<u64> {
    let mut left = Thrift::new(bytes);
    let prefixes = if prefixed { lengths(&mut left, most)? } else { 0 };
    Ok(prefixes + lengths(&mut left, most)?)
}

/// Reads `DELTA_BINARY_PACKED` lengths and returns their sum.
fn lengths(left: &mut Thrift, most: u64) -> Result<u64> {
    let (block, parts, count) = (left.varint()?, left.varint()?, left.varint()?);
    let per_part = block.checked_div(parts).filter(|&n| n > 0 && n % 32 == 0).ok_or(MISTAKEN)?;
    if count > most {
        return Err(MISTAKEN);
    }
    // Differences that are too large wrap, as in the library.
    let mut length = left.zigzag()? as i32;
    let mut sum = if count > 0 { added(0, length)? } else { 0 };
    let mut to_come = count.saturating_sub(1);
    while to_come > 0 {
        let least = left.zigzag()? as i32;
        for &width in left.take(parts)? {
            let width = u64::from(width);
            if to_come == 0 {
                break;
            }
            if width > WIDEST {
                return Err(MISTAKEN);
            }
            let packed = left.take((per_part / 8).checked_mul(width).ok_or(ENDS)?)?;
            for index in 0..per_part.min(to_come) {
                length = length.wrapping_add(least).wrapping_add(bits(packed, index, width) as i32);
                sum = added(sum, length)?;
            }
            to_come = to_come.saturating_sub(per_part);
        }
    }
    Ok(sum)
}

fn added(sum: u64, length: i32) -> Result<u64> {
    Ok(sum + u64::try_from(length).map_err(|_| MISTAKEN)?)
}

/// The number of `width` bits at `index`, packed from the lowest bit on.
fn bits(packed: &[u8], index: u64, width: u64) -> u32 {
    let at = index * width;
    let bytes = packed[(at / 8) as usize..].iter().take(5).rev();
    let all = bytes.fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    (all >> (at % 8) & ((1 << width) - 1)) as u32
}
