//! Conversion of the sums of a block to results: scale, bias or earlier sums, residual, clamp.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Block, Grid, OUTPUTS};
use crate::Clamp;
use crate::conv::Target;
use crate::simd::{clamp, mul_add};

/// The sums of a block and the data that turns them into results.
pub(super) struct Finish<'f, 'a> {
    pub(super) block: &'f Block,
    /// The pixels of the block.
    pub(super) pixels: Range<usize>,
    /// A grid for each of them in int8; otherwise empty.
    pub(super) grids: &'f [Grid],
    /// Pixels per row of the target.
    pub(super) width: usize,
    pub(super) outputs: Outputs<'f>,
    /// The offset of the first output within a pixel of the target.
    pub(super) channel: usize,
    pub(super) residual: Option<&'a [f32]>,
    pub(super) clamp: Clamp,
    pub(super) target: &'f mut Target<'a>,
}

/// Properties of the outputs of a panel, [`OUTPUTS`] values each.
pub(super) struct Outputs<'a> {
    pub(super) count: usize,
    /// Initial value of the sums; the target's content when `None`.
    pub(super) bias: Option<&'a [f32]>,
    /// In int8, the scale of each output's weights, and the sum of its integers.
    pub(super) scales: Option<&'a [f32]>,
    pub(super) totals: Option<&'a [f32]>,
}

impl WithSimd for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The combinations of a network: expansions are clamped, projections add to sums or a residual.
        match (self.outputs.scales.is_some(), self.clamp == Clamp::NONE) {
            (true, true) => self.run::<S, true, false>(simd),
            (true, false) => self.run::<S, true, true>(simd),
            (false, true) => self.run::<S, false, false>(simd),
            (false, false) => self.run::<S, false, true>(simd),
        }
    }
}

impl Finish<'_, '_> {
    #[inline(always)]
    fn run<S: Simd, const SCALED: bool, const CLAMPED: bool>(self, simd: S) {
        let Self { block, pixels, grids, width, outputs, channel, residual, .. } = self;
        let Target { values, row_stride, pixel_stride, room } = self.target;
        let (row_stride, pixel_stride, count) = (*row_stride, *pixel_stride, pixels.len());
        let place = |pixel: usize| pixel / width * row_stride + pixel % width * pixel_stride;

        // The last pixel has the highest end: `Conv::run` has checked that neither pixels nor rows overlap, and their
        // extent.
        let end = place(pixels.end - 1) + channel;
        let full = outputs.count.next_multiple_of(S::F32_LANES);
        let used = if channel + full <= *room { full } else { outputs.count };
        assert!(count * OUTPUTS <= block.0.len() && used <= OUTPUTS);
        assert!(end + used <= values.len(), "checked by `Conv::run`");
        assert!(residual.is_none_or(|r| end + used <= r.len()), "checked by `Conv::run`");
        assert!(grids.len() == if SCALED { count } else { 0 });

        let (min, max) = (simd.splat_f32s(self.clamp.min), simd.splat_f32s(self.clamp.max));
        let zero = simd.splat_f32s(0.0);
        let vector = |values: Option<&[f32]>, v: usize| {
            values.map(|values| S::as_simd_f32s(&values[..OUTPUTS]).0[v])
        };
        let (start_y, start_x) = (pixels.start / width, pixels.start % width);
        for v in 0..used.div_ceil(S::F32_LANES) {
            let first = v * S::F32_LANES;
            let bias = vector(outputs.bias, v);
            let scale = vector(outputs.scales, v).unwrap_or(zero);
            let total = vector(outputs.totals, v).unwrap_or(zero);
            let lanes = (used - first).min(S::F32_LANES);
            let mask = (lanes < S::F32_LANES).then(|| simd.mask_between_m32s(0, lanes as u32));
            let (mut row, mut x) = (start_y * row_stride + channel + first, start_x);
            for pixel in 0..count {
                let at = row + x * pixel_stride;
                // SAFETY: the block has `count` rows of `OUTPUTS` sums. The target and the residual have `used` values
                // from the last pixel's `channel` on, which has the highest offset, and `lanes`, or the mask, ends with
                // these. Vectors are valid for any bits.
                unsafe {
                    let load = |from: *const f32| match mask {
                        None => from.cast::<S::f32s>().read_unaligned(),
                        Some(mask) => simd.mask_load_ptr_f32s(mask, from),
                    };
                    let sum = block.0.as_ptr().add(pixel * OUTPUTS + first);
                    let mut sum = sum.cast::<S::f32s>().read_unaligned();
                    let mut begin = bias.unwrap_or_else(|| load(values.as_ptr().add(at)));
                    if let Some(residual) = residual {
                        begin = simd.add_f32s(begin, load(residual.as_ptr().add(at)));
                    }
                    if SCALED {
                        let grid = grids.get_unchecked(pixel);
                        let zero = simd.splat_f32s(-grid.zero);
                        let own = simd.mul_f32s(simd.splat_f32s(grid.scale), scale);
                        sum = mul_add(simd, own, mul_add(simd, zero, total, sum), begin);
                    } else {
                        sum = simd.add_f32s(sum, begin);
                    }
                    if CLAMPED {
                        sum = clamp(simd, sum, min, max);
                    }
                    let to = values.as_mut_ptr().add(at);
                    match mask {
                        None => to.cast::<S::f32s>().write_unaligned(sum),
                        Some(mask) => simd.mask_store_ptr_f32s(mask, to, sum),
                    }
                }
                x += 1;
                if x == width {
                    (row, x) = (row + row_stride, 0);
                }
            }
        }
    }
}
