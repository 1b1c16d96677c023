//! The largest value under a window.

use pulp::{Simd, WithSimd};

use crate::Isa;
use crate::simd::{load, store};

/// Rows of the maxima under the windows of a map.
#[derive(Debug)]
pub struct MaxPool<'a> {
    /// The map, `[height][width][channels]`.
    pub x: &'a [f32],
    /// Its height and width.
    pub size: (usize, usize),
    /// Values per position.
    pub channels: usize,
    /// Side of the window, and its step.
    pub window: (usize, usize),
    /// Rows of padding above the map and columns before it; they are never the largest.
    pub before: (usize, usize),
    /// The first row of the output.
    pub first: usize,
    /// Rows of the output, starting with that one, `[rows][columns][channels]`.
    pub out: &'a mut [f32],
    /// Positions per row of the output.
    pub columns: usize,
}

impl MaxPool<'_> {
    /// Computes the rows.
    ///
    /// # Panics
    /// When the lengths do not agree, or a window lies outside the map.
    pub fn run(self, isa: Isa) {
        let (height, width) = self.size;
        assert_eq!(self.x.len(), height * width * self.channels, "a map of another size");
        assert!(self.out.len().is_multiple_of(self.columns * self.channels), "whole rows");
        isa.run(self);
    }
}

/// The rows or columns of `size` under a window that starts at `start - before`.
///
/// # Panics
/// When there are none.
pub fn under(start: usize, side: usize, before: usize, size: usize) -> std::ops::Range<usize> {
    let range = start.saturating_sub(before)..(start + side).saturating_sub(before).min(size);
    assert!(!range.is_empty(), "a window lies outside the map");
    range
}

impl WithSimd for MaxPool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, size: (height, width), channels, window, before, first, out, columns } = self;
        let (side, step) = window;
        for (index, pixel) in out.chunks_exact_mut(channels).enumerate() {
            let (row, column) = (first + index / columns, index % columns);
            let rows = under(row * step, side, before.0, height);
            let columns = under(column * step, side, before.1, width);
            for (vector, out) in pixel.chunks_mut(S::F32_LANES).enumerate() {
                let channel = vector * S::F32_LANES;
                let mut most = simd.splat_f32s(f32::NEG_INFINITY);
                for y in rows.clone() {
                    for x_at in columns.clone() {
                        let at = (y * width + x_at) * channels + channel;
                        most = simd.max_f32s(most, load(simd, &x[at..][..out.len()]));
                    }
                }
                store(simd, out, most);
            }
        }
    }
}
