//! Pooling: the mean over all positions, and the largest value under a window.

mod max;
mod max_gradient;

use pulp::{Simd, WithSimd};

use crate::Isa;
use crate::simd::{load, store};

pub use max::{MaxPool, under};
pub use max_gradient::MaxPoolGradient;

/// Computes the mean of `x`, `[positions][channels]`, over its positions.
///
/// # Panics
/// When `x` does not consist of one or more positions with as many channels as `out`.
pub fn global_average(isa: Isa, x: &[f32], out: &mut [f32]) {
    assert!(!x.is_empty() && x.len().is_multiple_of(out.len()), "x and out do not agree");
    isa.run(GlobalAverage { x, out });
}

struct GlobalAverage<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for GlobalAverage<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let channels = self.out.len();
        let scale = simd.splat_f32s(1.0 / (self.x.len() / channels) as f32);
        self.out.fill(0.0);
        // Position by position, in memory order: the sums stay in L1.
        for position in self.x.chunks_exact(channels) {
            let vectors = position.chunks(S::F32_LANES).zip(self.out.chunks_mut(S::F32_LANES));
            for (x, sum) in vectors {
                let added = simd.add_f32s(load(simd, sum), load(simd, x));
                store(simd, sum, added);
            }
        }
        for sum in self.out.chunks_mut(S::F32_LANES) {
            let mean = simd.mul_f32s(load(simd, sum), scale);
            store(simd, sum, mean);
        }
    }
}
