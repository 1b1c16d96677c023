//! Reads the bits of entropy-coded data.

use crate::error::{Error, TRUNCATED, damaged};
use crate::structure::marker;

/// Size of the window in bytes. It fits in the L1 cache together with the tables.
const WINDOW: usize = 1 << 12;

/// More bytes than reading a block takes, including lookahead: 64 symbols of at most 16 bits, with values of at most
/// 16 bits.
const BLOCK: usize = 64 * 4 + 16;

/// Entropy-coded data (T.81, F.1.2.3), read block by block.
///
/// Bytes pass through a window from which the zeros stuffed after each 0xFF are removed, so that eight bytes can be
/// taken at once. Beyond the end of the data, zeros are read. This is detected before the next block, so no loop runs
/// long on missing data.
pub(crate) struct Bits<'a> {
    /// The data that is not in the window yet.
    source: &'a [u8],
    window: Box<[u8; WINDOW]>,
    /// The end of the data in the window.
    end: usize,
    /// Whether the data ends at `end`: `source` begins with a marker.
    at_marker: bool,
    state: State,
    /// Whether restart markers divide the data, so that a part of it can be lost without the rest.
    divided: bool,
    /// Whether a restart marker was not the expected one.
    out_of_step: bool,
    /// Whether more bits were taken than the data before a marker has, without a restart since.
    exhausted: bool,
}

/// The position of the reader.
#[derive(Clone, Copy, Default)]
pub(crate) struct State {
    /// The index in the window of the next byte to take.
    at: usize,
    /// The next bits, most significant first.
    bits: u64,
    /// How many bits in `bits` belong to bytes before `at`.
    count: u32,
}

impl<'a> Bits<'a> {
    /// Begins at the start of `source`. `divided` states whether restart markers divide the data.
    pub(crate) fn new(source: &'a [u8], divided: bool) -> Self {
        Self {
            source,
            window: Box::new([0; WINDOW]),
            end: 0,
            at_marker: false,
            state: State::default(),
            divided,
            out_of_step: false,
            exhausted: false,
        }
    }

    /// A reader of the bits of one block. It is a copy, so that it stays in registers.
    ///
    /// # Errors
    /// If the data ended before the block, or the file ends within the data.
    #[inline(always)]
    pub(crate) fn begin_block(&mut self) -> Result<Reader<'_>, Error> {
        if self.state.at + BLOCK > self.end {
            self.fill()?;
        }
        Ok(Reader { window: &self.window, state: self.state })
    }

    /// Continues at the end of the block that was read.
    #[inline(always)]
    pub(crate) fn end_block(&mut self, state: State) {
        self.state = state;
    }

    /// Fills the window with at least one block, if there is one.
    #[cold]
    #[inline(never)]
    fn fill(&mut self) -> Result<(), Error> {
        if self.at_marker {
            return self.check_end();
        }
        let from = self.state.at.min(self.end);
        self.window.copy_within(from..self.end, 0);
        (self.end, self.state.at) = (self.end - from, 0);
        // Room for the zeros of a block that extends beyond the end.
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

    /// Whether more bits were taken than the data has.
    fn is_beyond(&self, State { at, count, .. }: State) -> bool {
        self.at_marker && at * 8 > self.end * 8 + count as usize
    }

    /// Checks that no more bits were taken than the data has.
    ///
    /// It is not an error if the data ends at a restart marker, or if an earlier restart marker was unexpected.
    fn check_end(&mut self) -> Result<(), Error> {
        if !self.is_beyond(self.state) {
            return Ok(());
        }
        let restarts = matches!(*self.source, [_, next, ..] if marker::is_restart(next));
        if !self.divided || !(restarts || self.out_of_step) {
            return Err(damaged("the data of a scan ends early"));
        }
        // From here on, read zeros.
        self.state = State { at: self.end, ..State::default() };
        self.exhausted = true;
        Ok(())
    }

    /// Whether no data is left before the next restart.
    ///
    /// # Errors
    /// If the data ended too early for any other reason.
    #[inline(always)]
    pub(crate) fn is_exhausted(&mut self) -> Result<bool, Error> {
        if self.at_marker {
            self.check_end()?;
        }
        Ok(self.exhausted)
    }

    /// Ends a block that could not be read. The zeros read beyond the end of the data may be invalid as a block.
    ///
    /// # Errors
    /// `error`, unless such zeros caused it.
    #[cold]
    pub(crate) fn end_bad_block(&mut self, state: State, error: Error) -> Result<(), Error> {
        if !self.is_beyond(state) {
            return Err(error);
        }
        self.state = state;
        self.check_end()
    }

    /// Continues after restart marker `number` (modulo 8). Data left before it is skipped.
    ///
    /// If another marker follows, this proceeds like libjpeg (`jpeg_resync_to_restart`). The marker one or two after
    /// the expected one, or a known marker of another kind, means that the expected one was lost: it is not consumed,
    /// and there is no data until then. The marker one or two before the expected one, or an unknown marker, is
    /// skipped with the data after it. Any other restart marker is taken for the expected one.
    ///
    /// # Errors
    /// If the file ends first.
    pub(crate) fn restart(&mut self, number: usize) -> Result<(), Error> {
        self.finish()?;
        // Read zeros if there is no data.
        self.window[..BLOCK].fill(0);
        (self.end, self.state) = (0, State::default());
        loop {
            let &[_, next, ..] = self.source else { return Err(TRUNCATED) };
            let ahead = usize::from(next).wrapping_sub(number) % 8;
            self.out_of_step |= !marker::is_restart(next) || ahead > 0;
            match (marker::is_restart(next), ahead) {
                (true, 0 | 3..=5) => {
                    self.source = &self.source[2..];
                    (self.at_marker, self.exhausted) = (false, false);
                    return Ok(());
                }
                (true, 6..) => self.source = to_marker(&self.source[2..])?,
                (false, _) if !marker::is_known(next) => {
                    self.source = to_marker(&self.source[2..])?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Moves to the end of the data.
    ///
    /// # Errors
    /// If more was taken than the data has, or the file ends first.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if self.at_marker {
            return self.check_end();
        }
        self.source = to_marker(self.source)?;
        self.at_marker = true;
        Ok(())
    }
}

/// The bytes from the next marker on.
fn to_marker(mut bytes: &[u8]) -> Result<&[u8], Error> {
    loop {
        bytes = &bytes[memchr::memchr(0xFF, bytes).ok_or(TRUNCATED)?..];
        match *bytes.get(1).ok_or(TRUNCATED)? {
            0x00 => bytes = &bytes[2..],
            0xFF => bytes = &bytes[1..],
            _ => return Ok(bytes),
        }
    }
}

/// Reads the bits of a block, most significant first.
pub(crate) struct Reader<'a> {
    window: &'a [u8; WINDOW],
    pub(crate) state: State,
}

impl Reader<'_> {
    /// Makes at least 56 bits available.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let State { at, bits, count } = self.state;
        let Some(&next) = self.window[at..].first_chunk() else { return };
        // The bits below `count` may already hold the same bytes.
        self.state = State {
            at: at + ((63 - count) >> 3) as usize,
            bits: bits | u64::from_be_bytes(next) >> count,
            count: count | 56,
        };
    }

    /// The next `n` bits, 1 to 32, without consuming them.
    #[inline(always)]
    pub(crate) fn peek(&self, n: u32) -> u32 {
        (self.state.bits >> (64 - n)) as u32
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, n: u32) {
        self.state.bits <<= n;
        self.state.count -= n;
    }

    /// Consumes the next `n` bits, at most 16.
    #[inline(always)]
    pub(crate) fn take(&mut self, n: u32) -> u32 {
        let value = (self.state.bits >> 32 >> (32 - n)) as u32;
        self.skip(n);
        value
    }

    /// Consumes the next bit.
    #[inline(always)]
    pub(crate) fn take_bit(&mut self) -> bool {
        self.take(1) == 1
    }

    /// Consumes a value of `size` bits, at most 16, whose first bit is its sign (T.81, F.2.2.1: EXTEND).
    #[inline(always)]
    pub(crate) fn take_signed(&mut self, size: u32) -> i32 {
        let negative = !((self.state.bits as i64) >> 63) as i32;
        self.take(size) as i32 + (negative & ((-1_i32 << size) + 1))
    }
}
