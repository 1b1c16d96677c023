//! Peak performance of the processor: independent fused multiply-adds.

use std::hint::black_box;

use pulp::{Simd, WithSimd};

use crate::Isa;
use crate::simd::mul_add;

/// Number of independent chains of multiply-adds, enough to hide any latency.
const CHAINS: usize = 12;

/// Runs `rounds` rounds of multiply-adds in registers, and returns the number of floating-point operations. Divided by
/// the elapsed time, this is the upper limit of any kernel.
pub fn multiply_adds(isa: Isa, rounds: usize) -> usize {
    isa.run(Peak { rounds })
}

struct Peak {
    rounds: usize,
}

impl WithSimd for Peak {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        // Values that neither vanish nor overflow, and that are unknown to the compiler.
        let factor = simd.splat_f32s(black_box(0.999_999));
        let term = simd.splat_f32s(black_box(1e-6));
        let mut sums: [S::f32s; CHAINS] =
            std::array::from_fn(|i| simd.splat_f32s(black_box(i as f32)));
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = mul_add(simd, *sum, factor, term);
            }
        }
        let mut total = simd.splat_f32s(0.0);
        for sum in sums {
            total = simd.add_f32s(total, sum);
        }
        black_box(simd.reduce_sum_f32s(total));
        self.rounds * CHAINS * S::F32_LANES * 2
    }
}
