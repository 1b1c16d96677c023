//! Huffman codes (T.81, annex C and F.2.2.3).

use super::super::DecodeError;
use super::bits::Reader;
use super::structure::damaged;

/// Codes up to this length are found in one look.
const LOOK: u32 = 10;

/// A table of codes.
pub(super) struct Huffman {
    /// What bits begin with, by the first [`LOOK`] of them.
    look: Box<[Entry; 1 << LOOK]>,
    /// By length: behind the last code of it, from the top of 16 bits.
    end: [u32; 17],
    /// By length: what leads from a code to the place of its symbol.
    offset: [u32; 17],
    symbols: [u8; 256],
}

/// What bits begin with.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The value behind the code, 0 if it is not within the bits that were looked at.
    value: i16,
    symbol: u8,
    /// Length of the code, with that of the value unless this is 0. 0 for a longer code.
    length: u8,
}

/// A run of zeros and the value behind it (T.81, F.1.2.2).
pub(super) struct Run {
    /// How many zeros.
    pub(super) zeros: usize,
    /// Bits of the value; 0 where it is none.
    pub(super) size: u32,
    pub(super) value: i32,
}

impl Huffman {
    /// From the number of codes of each length and the symbols in the order of their codes.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, DecodeError> {
        let mut table = Self {
            look: Box::new([Entry::default(); 1 << LOOK]),
            end: [0; 17],
            offset: [0; 17],
            symbols: [0; 256],
        };
        table.symbols[..symbols.len()].copy_from_slice(symbols);
        let (mut code, mut place) = (0_u32, 0_u32);
        for length in 1..=16_u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offset[length as usize] = place.wrapping_sub(code);
            if code + count > 1 << length {
                return Err(damaged("a Huffman table has too many codes"));
            }
            if length <= LOOK {
                for i in 0..count {
                    table.enter(code + i, length, symbols[(place + i) as usize]);
                }
            }
            (code, place) = (code + count, place + count);
            table.end[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// Enters a code under all bits that begin with it.
    fn enter(&mut self, code: u32, length: u32, symbol: u8) {
        let free = LOOK - length;
        let size = u32::from(symbol & 15);
        let entries = &mut self.look[(code << free) as usize..][..1 << free];
        entries.fill(Entry { value: 0, symbol, length: length as u8 });
        if size == 0 || size > free {
            return;
        }
        let each = entries.len() >> size;
        for (bits, entries) in entries.chunks_exact_mut(each).enumerate() {
            let bits = bits as i32;
            let value = if bits >> (size - 1) == 1 { bits } else { bits - (1 << size) + 1 };
            entries.fill(Entry { value: value as i16, symbol, length: (length + size) as u8 });
        }
    }

    /// The next symbol as a run and a value.
    #[inline(always)]
    pub(super) fn run(&self, bits: &mut Reader<'_>) -> Result<Run, DecodeError> {
        bits.refill();
        let entry = self.look[bits.peek(LOOK) as usize];
        let zeros = usize::from(entry.symbol >> 4);
        let size = u32::from(entry.symbol & 15);
        if entry.value != 0 {
            bits.skip(u32::from(entry.length));
            return Ok(Run { zeros, size, value: i32::from(entry.value) });
        }
        let symbol = self.code(bits, entry)?;
        let size = u32::from(symbol & 15);
        let value = if size == 0 { 0 } else { bits.take_signed(size) };
        Ok(Run { zeros: usize::from(symbol >> 4), size, value })
    }

    /// The next symbol alone.
    #[inline(always)]
    pub(super) fn symbol(&self, bits: &mut Reader<'_>) -> Result<u8, DecodeError> {
        bits.refill();
        let entry = self.look[bits.peek(LOOK) as usize];
        if entry.value != 0 {
            let size = u32::from(entry.symbol & 15);
            bits.skip(u32::from(entry.length) - size);
            return Ok(entry.symbol);
        }
        self.code(bits, entry)
    }

    /// The symbol of a code whose value lies outside of what was looked at.
    #[inline(always)]
    fn code(&self, bits: &mut Reader<'_>, entry: Entry) -> Result<u8, DecodeError> {
        if entry.length > 0 {
            bits.skip(u32::from(entry.length));
            return Ok(entry.symbol);
        }
        self.long_code(bits)
    }

    #[inline(always)]
    fn long_code(&self, bits: &mut Reader<'_>) -> Result<u8, DecodeError> {
        let next = bits.peek(16);
        let Some(length) = (LOOK + 1..=16).find(|&length| next < self.end[length as usize]) else {
            return Err(damaged("a Huffman code is unknown"));
        };
        bits.skip(length);
        let place = (next >> (16 - length)).wrapping_add(self.offset[length as usize]);
        Ok(self.symbols[place as usize & 255])
    }
}
