//! Bits of entropy-coded data.

use crate::Error;
use crate::structure::{TRUNCATED, damaged, marker};

/// Bytes of the window: it stays in the first cache together with the tables.
const WINDOW: usize = 1 << 12;

/// More bytes than a block takes (64 symbols of at most 16 bits, with values of at most 16) and
/// looks ahead.
const BLOCK: usize = 64 * 4 + 16;

/// Entropy-coded data (T.81, F.1.2.3), read a block at a time.
///
/// Bytes go through a window in which the zeros that are stuffed behind each 0xFF are gone, so
/// that eight can be taken at once. Beyond the end of the data zeros are read; that this happened
/// is found before the next block, so that no loop goes on for long.
pub(crate) struct Bits<'a> {
    /// What has not been taken into the window.
    source: &'a [u8],
    window: Box<[u8; WINDOW]>,
    /// The end of the data in the window.
    end: usize,
    /// Whether the data ends there: `source` begins with a marker.
    at_marker: bool,
    state: State,
}

/// How far reading has come.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    /// The next byte of the window to take.
    at: usize,
    /// The next bits, from the top.
    bits: u64,
    /// How many of them are counted in `at`.
    count: u32,
}

impl<'a> Bits<'a> {
    /// The data that `source` begins with.
    pub(crate) fn new(source: &'a [u8]) -> Self {
        Self {
            source,
            window: Box::new([0; WINDOW]),
            end: 0,
            at_marker: false,
            state: State::default(),
        }
    }

    /// A reader for the bits of one block; a copy, so that it is kept in registers.
    ///
    /// # Errors
    /// When the data ended before, or the file within the data.
    #[inline(always)]
    pub(crate) fn begin_block(&mut self) -> Result<Reader<'_>, Error> {
        if self.state.at + BLOCK > self.end {
            self.fill()?;
        }
        Ok(Reader { window: &self.window, state: self.state })
    }

    /// Goes on where the reader of a block ended.
    #[inline(always)]
    pub(crate) fn end_block(&mut self, state: State) {
        self.state = state;
    }

    /// Makes the window hold a block, if there is one.
    #[cold]
    #[inline(never)]
    fn fill(&mut self) -> Result<(), Error> {
        if self.at_marker {
            return self.check_end();
        }
        let from = self.state.at.min(self.end);
        self.window.copy_within(from..self.end, 0);
        (self.end, self.state.at) = (self.end - from, 0);
        // Zeros for the block that goes on beyond the end.
        let full = WINDOW - BLOCK;
        while self.end < full && !self.at_marker {
            let piece = &self.source[..self.source.len().min(full - self.end)];
            let plain = memchr::memchr(0xFF, piece).unwrap_or(piece.len());
            self.window[self.end..][..plain].copy_from_slice(&piece[..plain]);
            self.end += plain;
            self.source = &self.source[plain..];
            match *self.source {
                [] | [0xFF] => return Err(TRUNCATED),
                [0xFF, 0x00, ..] if self.end < full => {
                    self.window[self.end] = 0xFF;
                    self.end += 1;
                    self.source = &self.source[2..];
                }
                [0xFF, 0x00, ..] => {}
                // Fill bytes before a marker.
                [0xFF, 0xFF, ..] => self.source = &self.source[1..],
                [0xFF, ..] => self.at_marker = true,
                _ => {}
            }
        }
        self.window[self.end..].fill(0);
        Ok(())
    }

    /// Checks that no more bits were taken than there are.
    fn check_end(&self) -> Result<(), Error> {
        let State { at, count, .. } = self.state;
        if at * 8 > self.end * 8 + count as usize {
            return Err(damaged("the data of a scan ends early"));
        }
        Ok(())
    }

    /// Goes on behind the restart marker with this number, modulo 8. What is left before it is
    /// passed over.
    ///
    /// # Errors
    /// When another marker comes next.
    pub(crate) fn restart(&mut self, number: usize) -> Result<(), Error> {
        self.finish()?;
        match *self.source {
            [_, next, ..] if marker::is_restart(next) && usize::from(next & 7) == number % 8 => {
                self.source = &self.source[2..];
            }
            _ => return Err(damaged("a restart marker is missing")),
        }
        (self.end, self.at_marker, self.state) = (0, false, State::default());
        Ok(())
    }

    /// Goes to the end of the data.
    ///
    /// # Errors
    /// When more of it was taken than there is, or the file ends before.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if self.at_marker {
            return self.check_end();
        }
        while !self.at_marker {
            self.state.at = self.end;
            self.fill()?;
        }
        Ok(())
    }
}

/// Takes the bits of a block, most significant first.
pub(crate) struct Reader<'a> {
    window: &'a [u8; WINDOW],
    pub(crate) state: State,
}

impl Reader<'_> {
    /// Makes at least 56 bits ready.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let State { at, bits, count } = self.state;
        let Some(&next) = self.window[at..].first_chunk() else { return };
        // Bits below `count` may be there already: the same ones.
        self.state = State {
            at: at + ((63 - count) >> 3) as usize,
            bits: bits | u64::from_be_bytes(next) >> count,
            count: count | 56,
        };
    }

    /// The next `n` bits, 1 to 32, left where they are.
    #[inline(always)]
    pub(crate) fn peek(&self, n: u32) -> u32 {
        (self.state.bits >> (64 - n)) as u32
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, n: u32) {
        self.state.bits <<= n;
        self.state.count -= n;
    }

    /// The next `n` bits, at most 16.
    #[inline(always)]
    pub(crate) fn take(&mut self, n: u32) -> u32 {
        let value = (self.state.bits >> 32 >> (32 - n)) as u32;
        self.skip(n);
        value
    }

    /// The next bit.
    #[inline(always)]
    pub(crate) fn take_bit(&mut self) -> bool {
        self.take(1) == 1
    }

    /// A value of `size` bits, at most 16, whose first bit is its sign (T.81, F.2.2.1: EXTEND).
    #[inline(always)]
    pub(crate) fn take_signed(&mut self, size: u32) -> i32 {
        let negative = !((self.state.bits as i64) >> 63) as i32;
        self.take(size) as i32 + (negative & ((-1_i32 << size) + 1))
    }
}
