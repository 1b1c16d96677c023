//! Sampling of a picture through an affine map.
//!
//! The arithmetic is in integers: coordinates are fixed-point numbers with [`POINT`] fractional bits.

use std::ops::Range;

use headstart_resize::blend::{WEIGHT, blend, pack};

use super::Region;

/// Fractional bits of a coordinate.
const POINT: u32 = 32;

/// The source coordinates of the output pixel at (x, y), both relative to the centre of the first pixel: (x[0] * x +
/// x[1] * y + x[2], y[0] * x + y[1] * y + y[2]).
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    x: [f64; 3],
    y: [f64; 3],
}

impl Map {
    /// A rotation about the middle of a `height` x `width` picture by `angle` radians: the
    /// matrix of Keras's `RandomRotation`.
    pub(super) fn rotation(angle: f64, height: usize, width: usize) -> Self {
        let (sin, cos) = angle.sin_cos();
        let (cx, cy) = ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0);
        Self { x: [cos, -sin, cx - cos * cx + sin * cy], y: [sin, cos, cy - sin * cx - cos * cy] }
    }

    /// Composes with a crop, resized to `height` x `width`: pixels are areas whose outer edges match (PyTorch's
    /// `align_corners=False`).
    pub(super) fn then_crop(mut self, crop: Region, height: usize, width: usize) -> Self {
        let stretch = |row: &mut [f64; 3], part: usize, whole: usize, first: usize| {
            let scale = part as f64 / whole as f64;
            *row = row.map(|factor| factor * scale);
            row[2] += 0.5 * scale - 0.5 + first as f64;
        };
        stretch(&mut self.x, crop.width, width, crop.left);
        stretch(&mut self.y, crop.height, height, crop.top);
        self
    }

    /// Composes with a horizontal flip.
    pub(super) fn then_flip(mut self, width: usize) -> Self {
        self.x = self.x.map(|factor| -factor);
        self.x[2] += (width - 1) as f64;
        self
    }

    /// Samples `pixels`, which has the same shape (height, width, 3) as `out`.
    pub(super) fn sample(
        &self,
        pixels: &[u8],
        (height, width): (usize, usize),
        packed: &mut Vec<u64>,
        out: &mut [u8],
    ) {
        packed.clear();
        packed.extend(pixels.as_chunks::<3>().0.iter().map(pack));
        let source = Source { packed, height, width };
        let fixed = |v: f64| (v * (1_u64 << POINT) as f64).round() as i64;
        let (mut x, mut y) = (self.x.map(fixed), self.y.map(fixed));
        // Weights are truncated coordinates: this makes them rounded.
        x[2] += 1 << (POINT - WEIGHT - 1);
        y[2] += 1 << (POINT - WEIGHT - 1);
        for (row, line) in out.chunks_exact_mut(width * 3).enumerate() {
            let at = |column: usize| {
                let along = |f: [i64; 3]| f[0] * column as i64 + f[1] * row as i64 + f[2];
                (along(x), along(y))
            };
            let (left, top) = at(0);
            let inner = intersection(
                inside(left, x[0], source.width, width),
                inside(top, y[0], source.height, width),
            );
            let line = line.as_chunks_mut::<3>().0;
            for column in (0..inner.start).chain(inner.end..width) {
                let (x, y) = at(column);
                line[column] = source.folded(x, y);
            }
            let (mut left, mut top) = at(inner.start);
            for pixel in &mut line[inner] {
                *pixel = source.inner(left, top);
                left += x[0];
                top += y[0];
            }
        }
    }
}

/// An unpacked picture.
struct Source<'a> {
    packed: &'a [u64],
    height: usize,
    width: usize,
}

impl Source<'_> {
    /// A sample whose four neighbours are all in the picture.
    #[inline(always)]
    fn inner(&self, x: i64, y: i64) -> [u8; 3] {
        let first = (y >> POINT) as usize * self.width + (x >> POINT) as usize;
        let near = &self.packed[first..first + self.width + 2];
        blend([near[0], near[1], near[self.width], near[self.width + 1]], fraction(x), fraction(y))
    }

    /// A sample anywhere.
    fn folded(&self, x: i64, y: i64) -> [u8; 3] {
        let (column, row) = (x >> POINT, y >> POINT);
        let columns = [fold(column, self.width), fold(column + 1, self.width)];
        let rows = [fold(row, self.height), fold(row + 1, self.height)];
        let at = |i: usize, j: usize| self.packed[rows[i] * self.width + columns[j]];
        blend([at(0, 0), at(0, 1), at(1, 0), at(1, 1)], fraction(x), fraction(y))
    }
}

/// The fractional part of a coordinate, as a weight.
#[inline(always)]
fn fraction(v: i64) -> u64 {
    // The low 32 bits, which are the fractional ones.
    u64::from(v as u32 >> (POINT - WEIGHT))
}

/// The pixel of `0..n` at position `i` when the line is continued by reflection: `c b a | a b c | c b a`.
fn fold(i: i64, n: usize) -> usize {
    let n = n as i64;
    let i = if (-n..2 * n).contains(&i) { i } else { i.rem_euclid(2 * n) };
    (if i < 0 {
        -1 - i
    } else if i >= n {
        2 * n - 1 - i
    } else {
        i
    }) as usize
}

/// The steps of `0..steps` at which both `from + step * by` and the next pixel are in `0..n`.
fn inside(from: i64, by: i64, n: usize, steps: usize) -> Range<usize> {
    let last = ((n as i64 - 1) << POINT) - 1;
    let (first, end) = match by {
        0 if (0..=last).contains(&from) => (0, steps as i64),
        0 => (0, 0),
        1.. => (-from.div_euclid(by), (last - from).div_euclid(by) + 1),
        _ => (-(last - from).div_euclid(-by), from.div_euclid(-by) + 1),
    };
    let limit = |step: i64| step.clamp(0, steps as i64) as usize;
    limit(first)..limit(end)
}

/// The intersection of two ranges; `0..0` if it is empty.
fn intersection(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    let (start, end) = (a.start.max(b.start), a.end.min(b.end));
    if start < end { start..end } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_continued_by_reflection() {
        let at = |n: usize| (-7..8).map(|i| fold(i, n)).collect::<Vec<_>>();
        assert_eq!(at(1), [0; 15]);
        assert_eq!(at(3), [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
    }

    #[test]
    fn the_steps_inside_are_those_whose_two_pixels_exist() {
        let one = 1 << POINT;
        for n in [1, 2, 5] {
            for by in [-2 * one, -one, -one / 3, -1, 0, 1, one / 3, one, 2 * one] {
                for from in [-9 * one, -one, -1, 0, 1, one, 4 * one - 1, 4 * one, 20 * one] {
                    let inner = inside(from, by, n, 40);
                    for step in 0..40 {
                        let pixel = (from + step as i64 * by) >> POINT;
                        let exist = pixel >= 0 && pixel + 1 < n as i64;
                        assert_eq!(inner.contains(&step), exist, "{from} + {step} * {by} of {n}");
                    }
                }
            }
        }
    }
}
