//! Huffman codes (T.81, annex C and F.2.2.3).

use std::cell::OnceCell;

use crate::bits::Reader;
use crate::error::Error;
use crate::error::damaged;

/// Codes up to this length are decoded with one table lookup.
const LOOK: u32 = 10;

/// Bits looked up at once when skipping values.
const LOOK_FAR: u32 = 12;

/// A table of codes.
pub(crate) struct Huffman {
    /// The decoded code, by the first [`LOOK`] bits.
    look: Box<[Entry; 1 << LOOK]>,
    /// By length: the end of its codes (exclusive), left-aligned in 16 bits.
    end: [u32; 17],
    /// By length: the difference between the index of a symbol and its code.
    offset: [u32; 17],
    symbols: [u8; 256],
    /// The runs to skip, by the first [`LOOK_FAR`] bits. Built on first use.
    passes: OnceCell<Box<[Pass; 1 << LOOK_FAR]>>,
}

/// The code that given bits begin with.
#[derive(Clone, Copy, Default)]
struct Entry {
    /// The value after the code; 0 if it is not within the bits looked up.
    value: i16,
    symbol: u8,
    /// Length of the code, including the value unless that is 0. 0 for a longer code.
    length: u8,
}

/// The complete runs and values that given bits begin with.
#[derive(Clone, Copy, Default)]
struct Pass {
    /// Total bits of these; 0 if not even one is complete.
    length: u8,
    /// The number of coefficients they cover. The end of the block counts as one.
    coefficients: u8,
    /// Whether the last of them is the end of the block.
    ends: bool,
}

/// A run of zeros and the value after it (T.81, F.1.2.2).
pub(crate) struct Run {
    /// The number of zeros.
    pub(crate) zeros: usize,
    /// Bits of the value; 0 if no value follows.
    pub(crate) size: u32,
    pub(crate) value: i32,
}

impl Entry {
    /// The run, and the value if it was within the bits looked up.
    #[inline(always)]
    fn run(self) -> Run {
        let zeros = usize::from(self.symbol >> 4);
        Run { zeros, size: u32::from(self.symbol & 15), value: i32::from(self.value) }
    }

    /// Length of the code and of the value after it.
    fn length_with_value(self) -> u8 {
        if self.value == 0 { self.length + (self.symbol & 15) } else { self.length }
    }
}

impl Run {
    /// Whether the block ends: no value follows, and it is not a run of 16 zeros.
    #[inline(always)]
    pub(crate) fn ends_block(&self) -> bool {
        self.size == 0 && self.zeros < 15
    }
}

impl Huffman {
    /// Builds the table from the number of codes of each length, and the symbols in the order of
    /// their codes.
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

    /// Enters a code at all indices that begin with it.
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

    /// Reads the next run and value.
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

    /// Skips runs and values, as many at once as a lookup shows within the `left` coefficients of a
    /// block.
    ///
    /// Returns the number of coefficients skipped: `left` at the end of the block, or more than
    /// `left` if a value is beyond the block. A run of zeros without a value ends with the block.
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

    /// Builds [`Huffman::passes`].
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

    /// Reads the next symbol without its value.
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

    /// The symbol of a code whose value is not within the bits looked up.
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
