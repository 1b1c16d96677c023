//! The gradient of the largest value under a window.

use pulp::{Simd, WithSimd};

use super::under;
use crate::Isa;
use crate::extent::extent;
use crate::simd::{load, store};

/// Adds each gradient of an output to that of the first of the largest values under its window.
#[derive(Debug)]
pub struct MaxPoolGradient<'a> {
    /// The map, `[height][width][channels]`.
    pub x: &'a [f32],
    /// Its height and width.
    pub size: (usize, usize),
    /// Values per position.
    pub channels: usize,
    /// Side of the window, and its step.
    pub window: (usize, usize),
    /// Rows of padding above the map and columns before it.
    pub before: (usize, usize),
    /// The gradient of the output, `[rows][columns][channels]`.
    pub d_y: &'a [f32],
    /// Positions per row of the output.
    pub columns: usize,
    /// The gradient of the map, starting with its first position.
    pub d_x: &'a mut [f32],
    /// Strides between rows and between positions of `d_x`, in values.
    pub strides: (usize, usize),
}

impl MaxPoolGradient<'_> {
    /// Adds the gradients.
    ///
    /// # Panics
    /// When the lengths do not agree, or a window lies outside the map.
    pub fn run(self, isa: Isa) {
        let (height, width) = self.size;
        assert_eq!(self.x.len(), height * width * self.channels, "a map of another size");
        assert!(self.d_y.len().is_multiple_of(self.columns * self.channels), "whole rows");
        let steps = [(height, self.strides.0), (width, self.strides.1)];
        assert!(self.d_x.len() >= extent(&steps, self.channels), "d_x is too short");
        isa.run(self);
    }
}

impl WithSimd for MaxPoolGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, size: (height, width), channels, window, before, d_y, columns, .. } = self;
        let ((side, step), strides) = (window, self.strides);
        for (index, pixel) in d_y.chunks_exact(channels).enumerate() {
            let rows = under(index / columns * step, side, before.0, height);
            let columns = under(index % columns * step, side, before.1, width);
            for (vector, d) in pixel.chunks(S::F32_LANES).enumerate() {
                let (channel, lanes) = (vector * S::F32_LANES, d.len());
                let d = load(simd, d);
                let value = |(y, at): (usize, usize)| {
                    load(simd, &x[(y * width + at) * channels + channel..][..lanes])
                };
                let places = || rows.clone().flat_map(|y| columns.clone().map(move |at| (y, at)));
                let mut most = value((rows.start, columns.start));
                // The number of the place of each lane's value; comparisons keep the first, and a NaN there.
                let mut of_most = simd.splat_f32s(0.0);
                for (number, place) in places().enumerate().skip(1) {
                    let value = value(place);
                    let is_more = simd.less_than_f32s(most, value);
                    most = simd.select_f32s(is_more, value, most);
                    of_most = simd.select_f32s(is_more, simd.splat_f32s(number as f32), of_most);
                }
                for (number, (y, at)) in places().enumerate() {
                    let is_own = simd.equal_f32s(of_most, simd.splat_f32s(number as f32));
                    let own = simd.select_f32s(is_own, d, simd.splat_f32s(0.0));
                    let to = &mut self.d_x[y * strides.0 + at * strides.1 + channel..][..lanes];
                    store(simd, to, simd.add_f32s(load(simd, to), own));
                }
            }
        }
    }
}
