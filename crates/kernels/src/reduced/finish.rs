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
    /// In int8, the scale of each output's weights, and the sum of its integers, negated.
    pub(super) scales: Option<&'a [f32]>,
    pub(super) totals: Option<&'a [f32]>,
}

impl WithSimd for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // The combinations of a network: expansions are clamped, projections add to sums or a residual.
        match (self.outputs.scales.is_some(), self.clamp == Clamp::NONE) {
            (true, true) => self.sized::<S, true, false>(simd),
            (true, false) => self.sized::<S, true, true>(simd),
            (false, true) => self.sized::<S, false, false>(simd),
            (false, false) => self.sized::<S, false, true>(simd),
        }
    }
}

impl Finish<'_, '_> {
    #[inline(always)]
    fn sized<S: Simd, const SCALED: bool, const CLAMPED: bool>(self, simd: S) {
        let full = self.outputs.count.next_multiple_of(S::F32_LANES);
        let used = if self.channel + full <= self.target.room { full } else { self.outputs.count };
        match used.div_ceil(S::F32_LANES) {
            1 => self.run::<S, SCALED, CLAMPED, 1>(simd, used),
            2 => self.run::<S, SCALED, CLAMPED, 2>(simd, used),
            3 => self.run::<S, SCALED, CLAMPED, 3>(simd, used),
            4 => self.run::<S, SCALED, CLAMPED, 4>(simd, used),
            _ => unreachable!("vectors of 8 lanes at least"),
        }
    }

    /// Writes `used` outputs per pixel, which are `V` vectors.
    #[inline(always)]
    fn run<S: Simd, const SCALED: bool, const CLAMPED: bool, const V: usize>(
        self,
        simd: S,
        used: usize,
    ) {
        let Self { block, pixels, grids, width, outputs, channel, residual, .. } = self;
        let Target { values, row_stride, pixel_stride, .. } = self.target;
        let (row_stride, pixel_stride, count) = (*row_stride, *pixel_stride, pixels.len());

        // The last pixel has the highest end: `Conv::run` has checked that neither pixels nor rows overlap, and their
        // extent.
        let end = pixels.end - 1;
        let end = end / width * row_stride + end % width * pixel_stride + channel;
        assert!(count * OUTPUTS <= block.0.len() && used <= OUTPUTS);
        assert!(end + used <= values.len(), "checked by `Conv::run`");
        assert!(residual.is_none_or(|r| end + used <= r.len()), "checked by `Conv::run`");
        assert!(grids.len() == if SCALED { count } else { 0 });

        let (min, max) = (simd.splat_f32s(self.clamp.min), simd.splat_f32s(self.clamp.max));
        let vectors = |values: Option<&[f32]>| {
            let mut all = [simd.splat_f32s(0.0); V];
            if let Some(values) = values {
                all.copy_from_slice(&S::as_simd_f32s(&values[..OUTPUTS]).0[..V]);
            }
            all
        };
        let bias = vectors(outputs.bias);
        let (scales, totals) = (vectors(outputs.scales), vectors(outputs.totals));
        let rest = used - (V - 1) * S::F32_LANES;
        let mask = (rest < S::F32_LANES).then(|| simd.mask_between_m32s(0, rest as u32));
        let mut row = pixels.start / width * row_stride + channel;
        let mut x = pixels.start % width;
        for pixel in 0..count {
            let place = row + x * pixel_stride;
            for v in 0..V {
                let mask = if v + 1 == V { mask } else { None };
                let at = place + v * S::F32_LANES;
                // SAFETY: the block has sums of `used` outputs, in whole vectors, for `count` pixels. The target and
                // the residual have `used` values from the last pixel's `channel` on, which has the highest offset;
                // these end with the last vector, or with the lanes of its mask. Vectors are valid for any bits.
                unsafe {
                    let load = |from: *const f32| match mask {
                        None => from.cast::<S::f32s>().read_unaligned(),
                        Some(mask) => simd.mask_load_ptr_f32s(mask, from),
                    };
                    let sum = block.0.as_ptr().add(pixel * OUTPUTS + v * S::F32_LANES);
                    let mut sum = sum.cast::<S::f32s>().read_unaligned();
                    let mut begin = match outputs.bias {
                        Some(_) => bias[v],
                        None => load(values.as_ptr().add(at)),
                    };
                    if let Some(residual) = residual {
                        begin = simd.add_f32s(begin, load(residual.as_ptr().add(at)));
                    }
                    if SCALED {
                        let Grid { scale, zero } = *grids.get_unchecked(pixel);
                        sum = mul_add(simd, simd.splat_f32s(zero), totals[v], sum);
                        let scale = simd.mul_f32s(simd.splat_f32s(scale), scales[v]);
                        sum = mul_add(simd, scale, sum, begin);
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
            }
            x += 1;
            if x == width {
                (row, x) = (row + row_stride, 0);
            }
        }
    }
}
