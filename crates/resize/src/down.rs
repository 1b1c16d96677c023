//! The second pass of resampling, down the columns, one output row at a time.
//!
//! Bitwise equal to the result of `fast_image_resize` for all rows at once.

use std::ops::Range;

use fast_image_resize::FilterType;
use pulp::{Simd, WithSimd};

/// Maximum bits of a weight: with the 8 of a level, and 2 for overshoot, sums fit in an `i32`.
const MOST_PRECISION: u32 = 32 - 8 - 2;

/// The input rows of each output row, and their weights.
pub(crate) struct Down {
    rows: Vec<Range<usize>>,
    /// The weights of each row in sequence, in units of `1 / (1 << precision)`.
    weights: Vec<i16>,
    /// Start of each row's weights.
    starts: Vec<usize>,
    precision: u32,
}

impl Down {
    /// For resampling the part between `edges` of a picture of `rows` rows to `to` rows.
    pub(crate) fn new(filter: FilterType, edges: Range<f64>, rows: usize, to: usize) -> Self {
        let (filter, radius): (fn(f64) -> f64, f64) = match filter {
            FilterType::Bilinear => (linear, 1.0),
            FilterType::CatmullRom => (cubic, 2.0),
            _ => unreachable!("no interpolation has this filter"),
        };
        let scale = (edges.end - edges.start) / to as f64;
        let widened = scale.max(1.0);
        let reached = |y: usize| {
            let middle = edges.start + (y as f64 + 0.5) * scale;
            let first = (middle - radius * widened).floor().max(0.0);
            let end = (middle + radius * widened).ceil().min(rows as f64);
            (middle, first as usize..end as usize)
        };
        let mut weights = Vec::new();
        let (mut starts, mut of) = (Vec::with_capacity(to), Vec::with_capacity(to));
        for y in 0..to {
            let (middle, rows) = reached(y);
            let start = weights.len();
            let weight = |row: usize| filter((row as f64 - (middle - 0.5)) * (1.0 / widened));
            weights.extend(rows.clone().map(weight));
            let sum: f64 = weights[start..].iter().sum();
            weights[start..].iter_mut().for_each(|weight| *weight /= sum);
            starts.push(start);
            of.push(rows);
        }
        // As many bits as the largest weight permits in an `i16`.
        let largest = weights.iter().copied().fold(0.0, f64::max);
        let fits = |bits: &u32| ((largest * f64::from(1 << bits)).round() as i32) < 1 << 15;
        let precision = (1..MOST_PRECISION).take_while(fits).last().unwrap_or(0);
        let units = |weight: f64| (weight * f64::from(1 << precision)).round() as i16;
        Self { rows: of, weights: weights.into_iter().map(units).collect(), starts, precision }
    }

    /// The input rows of output row `y`; they start no earlier than those of the previous row.
    pub(crate) fn rows(&self, y: usize) -> Range<usize> {
        self.rows[y].clone()
    }

    /// The maximum number of input rows of an output row.
    pub(crate) fn most_rows(&self) -> usize {
        self.rows.iter().map(Range::len).max().unwrap_or(0)
    }

    /// Computes output row `y` from its `rows`.
    pub(crate) fn mix(&self, y: usize, rows: &[u8], out: &mut [u8]) {
        let weights = &self.weights[self.starts[y]..][..self.rows[y].len()];
        pulp::Arch::new().dispatch(Mix { rows, weights, precision: self.precision, out });
    }
}

/// Samples whose sums are kept in registers.
const TILE: usize = 32;

/// [`Down::mix`], compiled for each instruction set.
struct Mix<'a> {
    rows: &'a [u8],
    weights: &'a [i16],
    precision: u32,
    out: &'a mut [u8],
}

impl WithSimd for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        let line = self.out.len();
        if line < TILE {
            for x in 0..line {
                self.samples::<1>(x);
            }
            return;
        }
        for tile in 0..line / TILE {
            self.samples::<TILE>(tile * TILE);
        }
        // The remainder, recomputing some of the earlier samples.
        self.samples::<TILE>(line - TILE);
    }
}

impl Mix<'_> {
    /// Computes `N` samples from position `at` on.
    #[inline(always)]
    fn samples<const N: usize>(&mut self, at: usize) {
        let mut sums = [1 << self.precision >> 1; N];
        for (row, &weight) in self.rows.chunks_exact(self.out.len()).zip(self.weights) {
            let levels: &[u8; N] = row[at..].first_chunk().expect("a row is as long");
            for (sum, &level) in sums.iter_mut().zip(levels) {
                *sum += i32::from(weight) * i32::from(level);
            }
        }
        let out: &mut [u8; N] = self.out[at..].first_chunk_mut().expect("a row is as long");
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = (sum >> self.precision).clamp(0, 255) as u8;
        }
    }
}

fn linear(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// The Catmull-Rom cubic.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use fast_image_resize::images::{TypedImage, TypedImageRef};
    use fast_image_resize::pixels::U8;
    use fast_image_resize::{ResizeAlg, ResizeOptions, Resizer};

    use super::*;

    #[test]
    fn rows_one_by_one_are_those_of_all_at_once() {
        let width = TILE + 7;
        for (rows, top, height, to) in [
            (375, 0.0, 375.0, 160),
            (375, 12.25, 340.4, 224),
            (9, 0.0, 9.0, 31),
            (9, 3.3, 2.1, 64),
            (1000, 0.0, 1000.0, 1),
            (1, 0.0, 1.0, 5),
            (64, 0.0, 64.0, 64),
        ] {
            let noise = |i: usize| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8;
            let pixels: Vec<u8> =
                (0..rows * width).map(noise).map(|v| if v < 99 { 0 } else { v | 128 }).collect();
            for filter in [FilterType::Bilinear, FilterType::CatmullRom] {
                let mut expected = TypedImage::<U8>::new(width as u32, to as u32);
                let source = TypedImageRef::from_buffer(width as u32, rows as u32, &pixels);
                let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(
                    0.0,
                    top,
                    width as f64,
                    height,
                );
                Resizer::new().resize_typed(&source.unwrap(), &mut expected, &options).unwrap();

                let down = Down::new(filter, top..top + height, rows, to);
                let mut out = vec![0; width * to];
                for (y, out) in out.chunks_exact_mut(width).enumerate() {
                    let Range { start, end } = down.rows(y);
                    down.mix(y, &pixels[start * width..end * width], out);
                }
                let expected: Vec<u8> = expected.pixels().iter().map(|pixel| pixel.0).collect();
                assert!(out == expected, "{filter:?} {top} + {height} of {rows} to {to}");
            }
        }
    }
}
