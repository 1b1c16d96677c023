//! Conversion of the sums of a block to results: bias or earlier sums, residual, clamp.

use std::arch::x86_64::{
    _mm512_add_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_max_ps,
    _mm512_min_ps, _mm512_set1_ps,
};

use crate::Clamp;
use crate::bf16::{Finish, LANES, OUTPUTS};
use crate::conv::Target;

impl Finish<'_, '_> {
    /// Finishes the block.
    ///
    /// # Panics
    /// When the target or the residual is too short.
    #[target_feature(enable = "avx512f")]
    pub(super) fn run(self) {
        let Self { block, width, outputs, channel, bias, last, .. } = self;
        let residual = self.residual.filter(|_| last);
        let Target { values, row_stride, pixel_stride, room } = self.target;
        let limits = if last { self.clamp } else { Clamp::NONE };
        let (min, max) = (_mm512_set1_ps(limits.min), _mm512_set1_ps(limits.max));

        // The last pixel has the highest end: `Conv::run` has checked that neither pixels nor rows overlap, and their
        // extent.
        let end = self.pixels.end - 1;
        let end = end / width * *row_stride + end % width * *pixel_stride + channel;
        let full = outputs.next_multiple_of(LANES);
        let used = if channel + full <= *room { full } else { outputs };
        let count = self.pixels.len();
        assert!(count * OUTPUTS <= block.0.len() && used <= OUTPUTS);
        assert!(end + used <= values.len(), "checked by `Conv::run`");
        assert!(residual.is_none_or(|r| end + used <= r.len()), "checked by `Conv::run`");
        assert!(bias.is_none_or(|bias| bias.len() == OUTPUTS));

        let masks = [0, LANES].map(|first| lanes(used.saturating_sub(first)));
        let (mut y, mut x) = (self.pixels.start / width, self.pixels.start % width);
        for pixel in 0..count {
            let place = y * *row_stride + x * *pixel_stride + channel;
            for (v, mask) in masks.into_iter().enumerate() {
                // SAFETY: the block has `count` rows of `OUTPUTS` sums, and so has the bias. The target and the
                // residual have `used` values at the last place, which has the highest offset, and the masks select no
                // more.
                unsafe {
                    let out = values.as_mut_ptr().wrapping_add(place + v * LANES);
                    let begin = match bias {
                        Some(bias) => _mm512_loadu_ps(bias.as_ptr().add(v * LANES)),
                        None => _mm512_maskz_loadu_ps(mask, out),
                    };
                    let sum = _mm512_loadu_ps(block.0.as_ptr().add(pixel * OUTPUTS + v * LANES));
                    let mut sum = _mm512_add_ps(sum, begin);
                    if let Some(residual) = residual {
                        let at = residual.as_ptr().wrapping_add(place + v * LANES);
                        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, at));
                    }
                    let sum = _mm512_min_ps(_mm512_max_ps(sum, min), max);
                    _mm512_mask_storeu_ps(out, mask, sum);
                }
            }
            x += 1;
            if x == width {
                (y, x) = (y + 1, 0);
            }
        }
    }
}

/// A mask of the first `count` lanes of a vector, or of all lanes if it has fewer.
pub(super) fn lanes(count: usize) -> u16 {
    ((1_u32 << count.min(LANES)) - 1) as u16
}
