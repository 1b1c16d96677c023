//! Bilevel pictures in fax compression: modified Huffman, Group 3 and Group 4 (ITU-T T.4 and T.6; TIFF 6.0, sections
//! 10 and 11). The code tables are a library's; it does not support all row structures.

use std::convert::Infallible;

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};

use super::layout::Compression;

/// Unpacks to rows of bits, each padded to whole bytes; 1 is black. `None` if the data is invalid or ends early.
pub(super) fn unpacked(
    packed: &[u8],
    compression: Compression,
    width: usize,
    rows: usize,
) -> Option<Vec<u8>> {
    // Lookups may need more bits than the last codes have.
    let padded = packed.iter().copied().chain([0; 4]).map(Ok::<u8, Infallible>);
    let mut bits = ByteReader::new(padded).ok()?;
    let stride = width.div_ceil(8);
    let mut data = vec![0; stride * rows];
    // The columns at which the colour changes, beginning with white, in the row before and in this one.
    let (mut before, mut changes) = (Vec::new(), Vec::new());
    for row in data.chunks_exact_mut(stride) {
        changes.clear();
        let alone = match compression {
            Compression::Group4 => false,
            Compression::Group3 { two_dimensional } => {
                end_of_line(&mut bits)?;
                !two_dimensional || take(&mut bits, 1)? == 1
            }
            _ => true,
        };
        if alone {
            read_alone(&mut bits, width, &mut changes)?;
        } else {
            read_by_reference(&mut bits, width, &before, &mut changes)?;
        }
        if compression == Compression::Rle {
            let rest = bits.bits_to_byte_boundary();
            bits.consume(rest).ok()?;
        }
        for [from, to] in changes.as_chunks().0 {
            set(row, *from, (*to).min(width));
        }
        if let [.., from] = *changes.as_chunks::<2>().1 {
            set(row, from, width);
        }
        std::mem::swap(&mut before, &mut changes);
    }
    Some(data)
}

/// Sets pixels to black.
fn set(row: &mut [u8], from: usize, to: usize) {
    for x in from..to {
        row[x / 8] |= 0x80 >> (x % 8);
    }
}

fn take(bits: &mut impl BitReader, count: u8) -> Option<u16> {
    let taken = bits.peek(count)?;
    bits.consume(count).ok()?;
    Some(taken)
}

/// Skips an end-of-line code, if one is next: at least 11 zeros, then a one.
fn end_of_line(bits: &mut impl BitReader) -> Option<()> {
    if bits.peek(11) != Some(0) {
        return Some(());
    }
    while take(bits, 1)? == 0 {}
    Some(())
}

/// Reads the length of a run.
fn run(bits: &mut impl BitReader, is_black: bool) -> Option<usize> {
    let mut length = 0;
    loop {
        let part = usize::from(if is_black { black::decode(bits)? } else { white::decode(bits)? });
        length += part;
        if part < 64 {
            return Some(length);
        }
    }
}

/// Reads a row that does not refer to the one before.
fn read_alone(bits: &mut impl BitReader, width: usize, changes: &mut Vec<usize>) -> Option<()> {
    let (mut at, mut is_black) = (0, false);
    while at < width {
        at += run(bits, is_black)?;
        changes.push(at.min(width));
        is_black = !is_black;
    }
    Some(())
}

/// Reads a row of changes relative to those of the row before (T.4, 4.2).
fn read_by_reference(
    bits: &mut impl BitReader,
    width: usize,
    before: &[usize],
    changes: &mut Vec<usize>,
) -> Option<()> {
    // At the beginning of a row, a change at the first pixel counts as one to the right of the current position.
    let (mut at, mut begun, mut is_black) = (0, false, false);
    let mut next = 0;
    while at < width {
        // The first change to the right of the current position, and to the opposite colour.
        let right = |change: usize| change > at || (!begun && change == at);
        while next > 0 && right(before[next - 1]) {
            next -= 1;
        }
        while next < before.len() && (!right(before[next]) || (next % 2 == 1) != is_black) {
            next += 1;
        }
        let b1 = before.get(next).copied().unwrap_or(width);
        match mode::decode(bits)? {
            Mode::Pass => at = before.get(next + 1).copied().unwrap_or(width),
            Mode::Vertical(by) => {
                let change = b1.checked_add_signed(isize::from(by))?;
                if change < at {
                    return None;
                }
                at = change.min(width);
                changes.push(at);
                is_black = !is_black;
            }
            Mode::Horizontal => {
                for colour in [is_black, !is_black] {
                    at = (at + run(bits, colour)?).min(width);
                    changes.push(at);
                }
            }
            Mode::Extension | Mode::EOF => return None,
        }
        begun = true;
    }
    Some(())
}
