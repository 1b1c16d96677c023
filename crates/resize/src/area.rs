//! The mean over the part of a picture that each output pixel covers.

use headstart_decode::Rgb;
use headstart_model::Preprocessing;

use crate::fit::{Fitted, keras};

#[derive(Debug, Default)]
pub(crate) struct Area {
    columns: Vec<Share>,
    /// The mean of the rows that an output row covers, `[width][3]`.
    rows: Vec<f32>,
}

impl Area {
    pub(crate) fn resize(&mut self, picture: &Rgb, to: &Preprocessing, out: &mut [u8]) {
        let whole = picture.covered();
        let fitted = keras((whole.width, whole.height), to);
        fitted.blacken(to, out);
        let Fitted { from, to: inner } = fitted;
        let across = Line::new(whole.left + from.left, from.width, whole.divisor);
        let down = Line::new(whole.top + from.top, from.height, whole.divisor);
        self.columns.clear();
        self.columns.extend((0..inner.width).map(|x| across.share(x, inner.width)));

        let row = |y: usize| {
            let first = (down.first + y) * picture.width() + across.first;
            &picture.pixels()[first * 3..][..across.pixels * 3]
        };
        let lines = out.as_chunks_mut::<3>().0.chunks_exact_mut(to.width).skip(inner.top);
        for (y, line) in lines.take(inner.height).enumerate() {
            self.rows.clear();
            self.rows.resize(across.pixels * 3, 0.0);
            for (y, share) in down.share(y, inner.height).shares() {
                for (mean, level) in self.rows.iter_mut().zip(row(y)) {
                    *mean += share * f32::from(*level);
                }
            }
            let rows = self.rows.as_chunks::<3>().0;
            for (pixel, column) in line[inner.left..].iter_mut().zip(&self.columns) {
                // Half a level, for rounding to the nearest.
                let mut mean = [0.5; 3];
                for (x, share) in column.shares() {
                    for (mean, level) in mean.iter_mut().zip(rows[x]) {
                        *mean += share * level;
                    }
                }
                *pixel = mean.map(|level| level as u8);
            }
        }
    }
}

/// The part of a line that becomes an output line.
struct Line {
    /// The first pixel it overlaps, and the number of pixels.
    first: usize,
    pixels: usize,
    /// Units per pixel, in which the following fields are measured.
    divisor: usize,
    /// The part of the first pixel before it.
    before: usize,
    length: usize,
}

impl Line {
    /// Covers `length` units from `start` on, with `divisor` units per pixel.
    fn new(start: usize, length: usize, divisor: usize) -> Self {
        let before = start % divisor;
        let pixels = (before + length).div_ceil(divisor);
        Self { first: start / divisor, pixels, divisor, before, length }
    }

    /// The part covered by pixel `at` of the `to` output pixels; positions are relative to the first pixel.
    fn share(&self, at: usize, to: usize) -> Share {
        // In units divided by `to`, all edges are integers.
        let pixel = self.divisor * to;
        let start = self.before * to + at * self.length;
        let end = start + self.length;
        let (first, last) = (start / pixel, (end - 1) / pixel);
        let share = |parts: usize| parts as f32 / self.length as f32;
        let shares = [end.min((first + 1) * pixel) - start, end - last * pixel, pixel].map(share);
        Share { first, last, shares }
    }
}

/// The part of a line that an output pixel covers: the partially covered first and last pixels, and those between.
#[derive(Clone, Copy, Debug)]
struct Share {
    first: usize,
    last: usize,
    /// The weights in the mean of the first pixel, of the last if it is another, and of each between.
    shares: [f32; 3],
}

impl Share {
    /// Positions and weights of the pixels; the weights sum to one.
    fn shares(self) -> impl Iterator<Item = (usize, f32)> {
        let Self { first, last, shares } = self;
        let between = (first + 1..last).map(move |at| (at, shares[2]));
        let end = (last > first).then_some((last, shares[1]));
        std::iter::once((first, shares[0])).chain(between).chain(end)
    }
}
