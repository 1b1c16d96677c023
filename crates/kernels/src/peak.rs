//! The processor's limit: fused multiply-adds that wait for nothing.

use std::hint::black_box;

use pulp::{Simd, WithSimd};

use crate::Isa;
use crate::simd::mul_add;

/// Chains of multiply-adds that do not depend on each other: more than any latency hides.
const CHAINS: usize = 12;

/// Runs `rounds` rounds of multiply-adds in registers, and returns how many floating-point
/// operations that were. Their number by the time they take is what no kernel can surpass.
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
        // Values that neither vanish nor overflow, and that the compiler does not know.
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
