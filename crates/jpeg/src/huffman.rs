//! Huffman codes (T.81, annex C and F.2.2.3).

use std::cell::OnceCell;

use crate::bits::Reader;
use crate::error::Error;
use crate::error::damaged;

/// Codes up to this length are found in one look.
const LOOK: u32 = 10;

/// Bits that are looked at to pass over values.
const LOOK_FAR: u32 = 12;

/// A table of codes.
pub(crate) struct Huffman {
    /// What bits begin with, by the first [`LOOK`] of them.
    look: Box<[Entry; 1 << LOOK]>,
    /// By length: behind the last code of it, from the top of 16 bits.
    end: [u32; 17],
    /// By length: what leads from a code to the place of its symbol.
    offset: [u32; 17],
    symbols: [u8; 256],
    /// What to pass over, by the first [`LOOK_FAR`] bits; made when it is first asked for.
    passes: OnceCell<Box<[Pass; 1 << LOOK_FAR]>>,
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

/// Runs and values that bits begin with, as many as are whole.
#[derive(Clone, Copy, Default)]
struct Pass {
    /// Bits that they take; 0 if not even one is whole.
    length: u8,
    /// Coefficients that they stand for; the end of the block counts as one.
    coefficients: u8,
    /// Whether the last of them is the end of the block.
    ends: bool,
}

/// A run of zeros and the value behind it (T.81, F.1.2.2).
pub(crate) struct Run {
    /// How many zeros.
    pub(crate) zeros: usize,
    /// Bits of the value; 0 where it is none.
    pub(crate) size: u32,
    pub(crate) value: i32,
}

impl Entry {
    /// The run and the value, as far as it is known.
    #[inline(always)]
    fn run(self) -> Run {
        let zeros = usize::from(self.symbol >> 4);
        Run { zeros, size: u32::from(self.symbol & 15), value: i32::from(self.value) }
    }

    /// Length of the code and of the value behind it.
    fn length_with_value(self) -> u8 {
        if self.value == 0 { self.length + (self.symbol & 15) } else { self.length }
    }
}

impl Run {
    /// Whether a block ends there: no value comes, and it is not 16 zeros.
    #[inline(always)]
    pub(crate) fn ends_block(&self) -> bool {
        self.size == 0 && self.zeros < 15
    }
}

impl Huffman {
    /// From the number of codes of each length and the symbols in the order of their codes.
    pub(crate) fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Error> {
        let too_many = || damaged("a Huffman table has too many codes");
        let mut table = Self {
            look: Box::new([Entry::default(); 1 << LOOK]),
            end: [0; 17],
            offset: [0; 17],
            symbols: [0; 256],
            passes: OnceCell::new(),
        };
        table.symbols.get_mut(..symbols.len()).ok_or_else(too_many)?.copy_from_slice(symbols);
        let (mut code, mut place) = (0_u32, 0_u32);
        for length in 1..=16_u32 {
            let count = u32::from(counts[length as usize - 1]);
            table.offset[length as usize] = place.wrapping_sub(code);
            if code + count > 1 << length {
                return Err(too_many());
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
    pub(crate) fn run(&self, bits: &mut Reader<'_>) -> Result<Run, Error> {
        bits.refill();
        let entry = self.look[bits.peek(LOOK) as usize];
        if entry.value != 0 {
            bits.skip(u32::from(entry.length));
            return Ok(entry.run());
        }
        let symbol = self.code(bits, entry)?;
        let size = u32::from(symbol & 15);
        let value = if size == 0 { 0 } else { bits.take_signed(size) };
        Ok(Run { zeros: usize::from(symbol >> 4), size, value })
    }

    /// Passes over runs and values: as many at once as are seen within what is `left` of a block.
    /// Returns how many coefficients they stand for: all that are left where they end the block,
    /// and more where a value lies beyond it. Zeros that no value follows end with the block.
    #[inline(always)]
    pub(crate) fn pass(&self, bits: &mut Reader<'_>, left: usize) -> Result<usize, Error> {
        let passes = self.passes.get_or_init(|| self.make_passes());
        bits.refill();
        let pass = passes[bits.peek(LOOK_FAR) as usize];
        let coefficients = usize::from(pass.coefficients);
        if pass.length > 0 && coefficients <= left {
            bits.skip(u32::from(pass.length));
            return Ok(if pass.ends { left } else { coefficients });
        }
        let run = self.run(bits)?;
        Ok(match run.size {
            0 if run.ends_block() => left,
            0 => left.min(run.zeros + 1),
            _ => run.zeros + 1,
        })
    }

    /// [`Huffman::passes`], made.
    #[cold]
    fn make_passes(&self) -> Box<[Pass; 1 << LOOK_FAR]> {
        let mut passes = Box::new([Pass::default(); 1 << LOOK_FAR]);
        for (bits, pass) in passes.iter_mut().enumerate() {
            while !pass.ends {
                let ahead = bits << pass.length & ((1 << LOOK_FAR) - 1);
                let entry = self.look[ahead >> (LOOK_FAR - LOOK)];
                let length = pass.length + entry.length_with_value();
                if entry.length == 0 || length > LOOK_FAR as u8 {
                    break;
                }
                let run = entry.run();
                pass.length = length;
                pass.ends = run.ends_block();
                pass.coefficients += if pass.ends { 1 } else { run.zeros as u8 + 1 };
            }
        }
        passes
    }

    /// The next symbol alone.
    #[inline(always)]
    pub(crate) fn symbol(&self, bits: &mut Reader<'_>) -> Result<u8, Error> {
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
    fn code(&self, bits: &mut Reader<'_>, entry: Entry) -> Result<u8, Error> {
        if entry.length > 0 {
            bits.skip(u32::from(entry.length));
            return Ok(entry.symbol);
        }
        self.long_code(bits)
    }

    #[inline(always)]
    fn long_code(&self, bits: &mut Reader<'_>) -> Result<u8, Error> {
        let next = bits.peek(16);
        let Some(length) = (LOOK + 1..=16).find(|&length| next < self.end[length as usize]) else {
            return Err(damaged("a Huffman code is unknown"));
        };
        bits.skip(length);
        let place = (next >> (16 - length)).wrapping_add(self.offset[length as usize]);
        Ok(self.symbols[place as usize & 255])
    }
}
