//! Bits of entropy-coded data.

use crate::error::{Error, TRUNCATED, damaged};
use crate::structure::marker;

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
    /// Whether restart markers divide the data, so that a part of it may be lost without the rest.
    divided: bool,
    /// Whether a restart marker was not the one that was due.
    out_of_step: bool,
    /// Whether more was taken than there was up to a marker, and no restart followed.
    exhausted: bool,
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
    /// The data that `source` begins with, which restart markers divide or not.
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

    /// Whether more bits were taken than there are.
    fn is_beyond(&self, State { at, count, .. }: State) -> bool {
        self.at_marker && at * 8 > self.end * 8 + count as usize
    }

    /// Checks that no more bits were taken than there are, where that is damage: not where a restart
    /// marker comes early, nor behind one that was out of step.
    fn check_end(&mut self) -> Result<(), Error> {
        if !self.is_beyond(self.state) {
            return Ok(());
        }
        let restarts = matches!(*self.source, [_, next, ..] if marker::is_restart(next));
        if !self.divided || !(restarts || self.out_of_step) {
            return Err(damaged("the data of a scan ends early"));
        }
        // Zeros, as many as are asked for.
        self.state = State { at: self.end, ..State::default() };
        self.exhausted = true;
        Ok(())
    }

    /// Whether there is nothing left up to the next restart.
    ///
    /// # Errors
    /// When there should be.
    #[inline(always)]
    pub(crate) fn is_exhausted(&mut self) -> Result<bool, Error> {
        if self.at_marker {
            self.check_end()?;
        }
        Ok(self.exhausted)
    }

    /// Ends a block that could not be read: zeros beyond the end of the data may make no sense.
    ///
    /// # Errors
    /// `error`, unless it comes of such zeros.
    #[cold]
    pub(crate) fn end_bad_block(&mut self, state: State, error: Error) -> Result<(), Error> {
        if !self.is_beyond(state) {
            return Err(error);
        }
        self.state = state;
        self.check_end()
    }

    /// Goes on behind the restart marker with this number, modulo 8. What is left before it is
    /// passed over.
    ///
    /// Where another marker comes, it goes on as libjpeg does (`jpeg_resync_to_restart`): a marker
    /// that will be due soon means that this one was lost, and there is no data until then; one that
    /// was due before, or that is none, is passed over with the data behind it; any other is taken
    /// for this one.
    ///
    /// # Errors
    /// When the file ends before.
    pub(crate) fn restart(&mut self, number: usize) -> Result<(), Error> {
        self.finish()?;
        // Nothing but zeros, should there be no data.
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

    /// Goes to the end of the data.
    ///
    /// # Errors
    /// When more of it was taken than there is, or the file ends before.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if self.at_marker {
            return self.check_end();
        }
        self.source = to_marker(self.source)?;
        self.at_marker = true;
        Ok(())
    }
}

/// What follows from the next marker on.
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
