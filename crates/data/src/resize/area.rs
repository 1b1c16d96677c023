//! The mean of the part of a picture that each pixel of the output covers.

use headstart_model::Preprocessing;

use super::fit::{Fitted, keras};
use crate::decode::Rgb;

#[derive(Debug, Default)]
pub(super) struct Area {
    columns: Vec<Covered>,
    /// The mean of the rows that a row of the output covers, `[width][3]`.
    rows: Vec<f32>,
}

impl Area {
    pub(super) fn resize(&mut self, picture: &Rgb, to: &Preprocessing, out: &mut [u8]) {
        let fitted = keras(picture, to);
        fitted.blacken(to, out);
        let Fitted { from, to: inner } = fitted;
        let column = |x| Covered::new(x, inner.width, from.width);
        self.columns.clear();
        self.columns.extend((0..inner.width).map(column));

        let row = |y: usize| {
            let first = (from.top + y) * picture.width() + from.left;
            &picture.pixels()[first * 3..][..from.width * 3]
        };
        let lines = out.as_chunks_mut::<3>().0.chunks_exact_mut(to.width).skip(inner.top);
        for (y, line) in lines.take(inner.height).enumerate() {
            self.rows.clear();
            self.rows.resize(from.width * 3, 0.0);
            for (y, share) in Covered::new(y, inner.height, from.height).shares() {
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

/// What a pixel of the output covers of a line: the first and the last pixel in part, and those
/// between.
#[derive(Clone, Copy, Debug)]
struct Covered {
    first: usize,
    last: usize,
    /// Of the mean, the shares of the first, of the last if it is another, and of each between.
    shares: [f32; 3],
}

impl Covered {
    /// By pixel `at` of the `to` that a line of `from` pixels becomes.
    fn new(at: usize, to: usize, from: usize) -> Self {
        // In units of which a pixel has `to`, all edges are whole.
        let (start, end) = (at * from, (at + 1) * from);
        let (first, last) = (start / to, (end - 1) / to);
        let share = |units: usize| units as f32 / from as f32;
        let shares = [end.min((first + 1) * to) - start, end - last * to, to].map(share);
        Self { first, last, shares }
    }

    /// Places and shares of the pixels; the shares add up to one.
    fn shares(self) -> impl Iterator<Item = (usize, f32)> {
        let Self { first, last, shares } = self;
        let between = (first + 1..last).map(move |at| (at, shares[2]));
        let end = (last > first).then_some((last, shares[1]));
        std::iter::once((first, shares[0])).chain(between).chain(end)
    }
}
