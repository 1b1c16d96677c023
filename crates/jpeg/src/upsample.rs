//! Upsamples components that are stored smaller than the picture.

/// The upsampling of a component.
pub(crate) struct Upsampling {
    /// Columns of the result, and the columns of the component that they come from; then the same
    /// for lines.
    across: (usize, usize),
    down: (usize, usize),
    filter: Filter,
    /// A mix of two lines.
    mixed: Vec<u16>,
    stretched: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Filter {
    None,
    /// Doubles the width, the height or both with a triangle filter: a new sample is three parts of
    /// the nearest sample and one of the next, as in libjpeg.
    Triangle,
    /// Repeats samples.
    Repeat,
}

impl Upsampling {
    /// Creates it from the result's and the component's columns and lines per MCU. `interpolate`
    /// selects the triangle filter for factors up to two.
    pub(crate) fn new(across: (usize, usize), down: (usize, usize), interpolate: bool) -> Self {
        let at_most_twice = |(result, own): (usize, usize)| result == own || result == 2 * own;
        let filter = if across.0 == across.1 && down.0 == down.1 {
            Filter::None
        } else if interpolate && at_most_twice(across) && at_most_twice(down) {
            Filter::Triangle
        } else {
            Filter::Repeat
        };
        Self { across, down, filter, mixed: Vec::new(), stretched: Vec::new() }
    }

    /// The upsampled length of a line of `width` samples.
    fn stretched_len(&self, width: usize) -> usize {
        (width * self.across.0).div_ceil(self.across.1)
    }

    /// The bytes that it will allocate for lines of `width` samples.
    pub(crate) fn bytes(&self, width: usize) -> usize {
        if self.filter == Filter::None { 0 } else { 2 * width + self.stretched_len(width) }
    }

    /// Allocates memory for lines of `width` samples.
    pub(crate) fn begin(&mut self, width: usize) {
        if self.filter != Filter::None {
            self.mixed = vec![0; width];
            self.stretched = vec![0; self.stretched_len(width)];
        }
    }

    /// Line `y` of the result, from the component's lines.
    #[inline(always)]
    pub(crate) fn line<'a>(&'a mut self, y: usize, line: impl Fn(usize) -> &'a [u8]) -> &'a [u8] {
        let own = y * self.down.1 / self.down.0;
        match self.filter {
            Filter::None => return line(y),
            Filter::Repeat => {
                let line = line(own);
                for (x, sample) in self.stretched.iter_mut().enumerate() {
                    *sample = line[x * self.across.1 / self.across.0];
                }
            }
            Filter::Triangle => {
                let twice = (self.across.0 > self.across.1, self.down.0 > self.down.1);
                let upper = y.is_multiple_of(2);
                let next = if upper { own.saturating_sub(1) } else { own + 1 };
                match twice {
                    (true, false) => {
                        for (mixed, &near) in self.mixed.iter_mut().zip(line(own)) {
                            *mixed = u16::from(near);
                        }
                        widen::<2>(&self.mixed, &mut self.stretched, [1, 2]);
                    }
                    (false, _) => {
                        let round = if upper { 1 } else { 2 };
                        mix(line(own), line(next), &mut self.mixed);
                        for (sample, &mixed) in self.stretched.iter_mut().zip(&self.mixed) {
                            *sample = ((mixed + round) >> 2) as u8;
                        }
                    }
                    (true, true) => {
                        mix(line(own), line(next), &mut self.mixed);
                        widen::<4>(&self.mixed, &mut self.stretched, [8, 7]);
                    }
                }
            }
        }
        &self.stretched
    }
}

#[inline(always)]
fn mix(near: &[u8], next: &[u8], mixed: &mut [u16]) {
    for ((mixed, &near), &next) in mixed.iter_mut().zip(near).zip(next) {
        *mixed = 3 * u16::from(near) + u16::from(next);
    }
}

/// Makes two samples of each one. Inputs are in units of `1 / 2^BITS`; `round` is added before
/// rounding down.
#[inline(always)]
fn widen<const BITS: u32>(line: &[u16], out: &mut [u8], round: [u16; 2]) {
    let pair = |before: u16, here: u16, after: u16| {
        [(3 * here + before + round[0]) >> BITS, (3 * here + after + round[1]) >> BITS]
            .map(|sample| sample as u8)
    };
    let out = out.as_chunks_mut().0;
    let [.., last] = out else { return };
    let end = line.len() - 1;
    *last = pair(line[end.saturating_sub(1)], line[end], line[end]);
    if end > 0 {
        out[0] = pair(line[0], line[0], line[1]);
        let (before, here, after) = (line, &line[1..end], &line[2..]);
        for (((out, &before), &here), &after) in
            out[1..].iter_mut().zip(before).zip(here).zip(after)
        {
            *out = pair(before, here, after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_mixes_with_the_next_sample_and_all_else_repeats() {
        let lines: [&[u8]; 2] = [&[10, 20, 40], &[50, 60, 0]];
        type Case = ((usize, usize), (usize, usize), bool, usize, &'static [u8]);
        let cases: [Case; 9] = [
            ((1, 1), (1, 1), true, 1, &[50, 60, 0]),
            // (3 a + b + 1) / 4 at the left, (3 a + b + 2) / 4 at the right.
            ((2, 1), (1, 1), true, 0, &[10, 13, 17, 25, 35, 40]),
            // (3 a + b + 1) / 4 above, (3 a + b + 2) / 4 below.
            ((1, 1), (2, 1), true, 0, &[10, 20, 40]),
            ((1, 1), (2, 1), true, 1, &[20, 30, 30]),
            ((1, 1), (2, 1), true, 2, &[40, 50, 10]),
            // (9 a + 3 b + 3 c + d + 8) / 16 at the left; at the right, 7 is added instead of 8.
            ((2, 1), (2, 1), true, 1, &[20, 22, 28, 30, 30, 30]),
            ((2, 1), (1, 1), false, 0, &[10, 10, 20, 20, 40, 40]),
            ((4, 1), (2, 1), true, 3, &[50, 50, 50, 50, 60, 60, 60, 60, 0, 0, 0, 0]),
            ((3, 2), (1, 1), true, 0, &[10, 10, 20, 40, 40]),
        ];
        for (across, down, interpolate, y, expected) in cases {
            let mut upsampling = Upsampling::new(across, down, interpolate);
            upsampling.begin(3);
            let found = upsampling.line(y, |y| lines[y.min(1)]);
            assert_eq!(found, expected, "{across:?} {down:?} {interpolate}, line {y}");
        }
        let mut one = Upsampling::new((2, 1), (1, 1), true);
        one.begin(1);
        assert_eq!(one.line(0, |_| &[9]), [9, 9]);
    }
}
