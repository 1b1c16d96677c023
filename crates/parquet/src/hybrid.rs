//! Decodes small numbers in a mix of runs and bit packing (Parquet's `RLE`).

use crate::thrift::{ENDS, Result, Thrift};

const TOO_FEW: &str = "a page in it has fewer levels than it declares";

/// Decodes `count` numbers of `width` bits each, and appends them to `to`.
///
/// # Errors
/// If there are fewer.
pub(crate) fn decode(bytes: &[u8], width: u32, count: usize, to: &mut Vec<u32>) -> Result<()> {
    if width > u32::BITS {
        return Err("numbers in it have more bits than any have");
    }
    let end = to.len() + count;
    let mut left = Thrift::new(bytes);
    while to.len() < end {
        let header = left.varint().map_err(|_| TOO_FEW)?;
        let to_come = end - to.len();
        if header & 1 == 0 {
            let run = usize::try_from(header >> 1).map_or(to_come, |run| run.min(to_come));
            let value = left.take(width.div_ceil(8).into()).map_err(|_| TOO_FEW)?;
            let value = value.iter().rev().fold(0_u32, |all, &byte| all << 8 | u32::from(byte));
            if run == 0 {
                return Err(TOO_FEW);
            }
            to.resize(to.len() + run, value);
        } else {
            // Groups of eight numbers; the last group may have more than are needed.
            let groups = (header >> 1).min(to_come.div_ceil(8) as u64);
            let packed = left.take(groups.checked_mul(width.into()).ok_or(ENDS)?);
            let packed = packed.map_err(|_| TOO_FEW)?;
            if groups == 0 {
                return Err(TOO_FEW);
            }
            unpack(packed, width, to_come.min(8 * groups as usize), to);
        }
    }
    Ok(())
}

/// Unpacks numbers of `width` bits, packed from the lowest bit on.
fn unpack(packed: &[u8], width: u32, count: usize, to: &mut Vec<u32>) {
    if width == 1 {
        let bits = packed.iter().flat_map(|byte| (0..8).map(move |bit| u32::from(byte >> bit & 1)));
        return to.extend(bits.take(count));
    }
    let mask = (1_u64 << width) - 1;
    let (mut bits, mut have, mut bytes) = (0_u64, 0, packed.iter());
    to.extend((0..count).map(|_| {
        while have < width {
            bits |= u64::from(*bytes.next().unwrap_or(&0)) << have;
            have += 8;
        }
        let value = (bits & mask) as u32;
        bits >>= width;
        have -= width;
        value
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], width: u32, count: usize) -> Result<Vec<u32>> {
        let mut to = Vec::new();
        decode(bytes, width, count, &mut to).map(|()| to)
    }

    #[test]
    fn runs_and_packed_bits_are_read() {
        // The example in Parquet's specification: 0 to 7 in three bits each.
        assert_eq!(decoded(&[0b11, 0x88, 0xC6, 0xFA], 3, 8), Ok((0..8).collect()));
        // Five times 300 in nine bits, then numbers of one bit each.
        assert_eq!(decoded(&[10, 0x2C, 1], 9, 5), Ok(vec![300; 5]));
        assert_eq!(decoded(&[4, 1, 3, 0b1010_0101], 1, 6), Ok(vec![1, 1, 1, 0, 1, 0]));
        assert_eq!(decoded(&[8], 0, 4), Ok(vec![0; 4]));
        let wide =
            [3, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let wide = [&wide[..], &[0; 6]].concat();
        assert_eq!(decoded(&wide, 32, 2), Ok(vec![0x0403_0201, 0x0807_0605]));
    }

    #[test]
    fn too_few_numbers_are_an_error() {
        for (bytes, width, count) in [
            (&[][..], 1, 1),
            (&[4, 1], 1, 3),
            (&[3, 1], 2, 8),
            (&[0, 1], 1, 1),
            (&[1], 1, 1),
            (&[8, 1], 33, 1),
        ] {
            assert!(decoded(bytes, width, count).is_err(), "{bytes:?}");
        }
        assert_eq!(decoded(&[], 5, 0), Ok(Vec::new()));
    }
}
