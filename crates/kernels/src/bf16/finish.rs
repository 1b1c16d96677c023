//! From the sums of a block to results: bias or earlier sums, residual, clamp.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Block, OUTPUTS};
use crate::conv::Target;
use crate::simd::{clamp, load, store};
use crate::{Clamp, Isa};

pub(super) struct Finish<'f, 'a> {
    pub(super) block: &'f Block,
    /// The pixels that the block's first ones are.
    pub(super) pixels: Range<usize>,
    /// Pixels in a row of the target.
    pub(super) width: usize,
    /// Output channels of the block, and the first of them in a pixel of the target.
    pub(super) outputs: usize,
    pub(super) channel: usize,
    /// What sums begin with; what the target holds when `None`.
    pub(super) bias: Option<&'f [f32]>,
    /// Whether the sums are complete.
    pub(super) last: bool,
    pub(super) residual: Option<&'a [f32]>,
    pub(super) clamp: Clamp,
    pub(super) target: &'f mut Target<'a>,
}

pub(super) fn finish(isa: Isa, finish: Finish<'_, '_>) {
    isa.run(finish);
}

impl WithSimd for Finish<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Target { values, row_stride, pixel_stride } = self.target;
        let (min, max) = (simd.splat_f32s(self.clamp.min), simd.splat_f32s(self.clamp.max));
        // Where a pixel has room for it, whole vectors are stored.
        let room = self.pixels.end - 1;
        let last = room / self.width * *row_stride + room % self.width * *pixel_stride;
        let full = self.outputs.next_multiple_of(S::F32_LANES);
        let fits =
            self.channel + full <= *pixel_stride && last + self.channel + full <= values.len();
        let used = if fits { full } else { self.outputs };
        let (mut y, mut x) = (self.pixels.start / self.width, self.pixels.start % self.width);
        for sums in self.block.0.chunks_exact(OUTPUTS).take(self.pixels.len()) {
            let place = y * *row_stride + x * *pixel_stride + self.channel;
            let out = &mut values[place..][..used];
            for first in (0..used).step_by(S::F32_LANES) {
                let lanes = first..used.min(first + S::F32_LANES);
                let mut sum = load(simd, &sums[first..]);
                let begin = match self.bias {
                    Some(bias) => load(simd, &bias[first..]),
                    None => load(simd, &out[lanes.clone()]),
                };
                sum = simd.add_f32s(sum, begin);
                if self.last {
                    if let Some(residual) = self.residual {
                        sum = simd.add_f32s(sum, load(simd, &residual[place..][lanes.clone()]));
                    }
                    sum = clamp(simd, sum, min, max);
                }
                store(simd, &mut out[lanes], sum);
            }
            x += 1;
            if x == self.width {
                (y, x) = (y + 1, 0);
            }
        }
    }
}
