//! Blocks as tiles whose sums are kept in registers, for any instruction set with vectors.

/// Defines the function `sum`, see [`super::Session::sum`], which checks the lengths: in tiles of up to as many pixels
/// as there are `sizes`, by one or two vectors of outputs. Weights must be packed in steps of one word.
///
/// The module provides the vector's functions: `zero`, `load` (weights), `splat` (a word of a pixel), `dot` (adds the
/// products of words to sums) and `store` (sums as f32).
macro_rules! define_sum {
    (features: $features:literal, vector: $Vector:ty, lanes: $lanes:literal, sizes: [$($size:literal)*]) => {
        #[target_feature(enable = $features)]
        fn sum(
            x: &[u32],
            words: usize,
            (count, outputs): (usize, usize),
            weights: &[f32],
            block: &mut $crate::reduced::Block,
        ) {
            type Tile = unsafe fn(&[u32], usize, &[f32], &mut [std::mem::MaybeUninit<f32>]);
            // Each size is a function of its own, so that the compiler keeps its sums in registers.
            const ONE: &[Tile] = &[$(tile::<$size, 1>),*];
            const TWO: &[Tile] = &[$(tile::<$size, 2>),*];
            for (size, range) in $crate::chunks::evenly(count, TWO.len()) {
                for first in range.step_by(size.max(1)) {
                    let x = &x[first * words..];
                    let mut output = 0;
                    while output < outputs {
                        let tiles = if outputs - output > $lanes { TWO } else { ONE };
                        let to = &mut block.0[first * $crate::reduced::OUTPUTS + output..];
                        // SAFETY: this function has the features that the tiles need.
                        unsafe { tiles[size - 1](x, words, &weights[output..], to) };
                        output += 2 * $lanes;
                    }
                }
            }
        }

        /// `P` pixels by `V` vectors of outputs.
        #[target_feature(enable = $features)]
        fn tile<const P: usize, const V: usize>(
            x: &[u32],
            words: usize,
            weights: &[f32],
            out: &mut [std::mem::MaybeUninit<f32>],
        ) {
            use $crate::reduced::OUTPUTS;
            assert!(x.len() >= P * words && weights.len() >= (words - 1) * OUTPUTS + V * $lanes);
            assert!(out.len() >= (P - 1) * OUTPUTS + V * $lanes);
            let mut sums: [[$Vector; V]; P] = [[zero(); V]; P];
            for word in 0..words {
                // SAFETY: the assertions cover `V` vectors of weights for each word, and `words` words of `P` pixels.
                unsafe {
                    let mut own = [zero(); V];
                    for (v, own) in own.iter_mut().enumerate() {
                        *own = load(weights.as_ptr().add(word * OUTPUTS + v * $lanes));
                    }
                    for (p, sums) in sums.iter_mut().enumerate() {
                        let inputs = splat(*x.as_ptr().add(p * words + word));
                        for (sum, own) in sums.iter_mut().zip(own) {
                            *sum = dot(*sum, inputs, own);
                        }
                    }
                }
            }
            for (p, sums) in sums.into_iter().enumerate() {
                for (v, sum) in sums.into_iter().enumerate() {
                    // SAFETY: the assertions cover `V` vectors of `P` rows.
                    unsafe { store(out.as_mut_ptr().add(p * OUTPUTS + v * $lanes).cast(), sum) };
                }
            }
        }

        /// Multiplies in registers without memory accesses; returns the number of operations.
        #[target_feature(enable = $features)]
        fn peak(rounds: usize, products: usize) -> usize {
            const CHAINS: usize = 14;
            // Small numbers in bf16 as well as bytes.
            let ones = splat(std::hint::black_box(0x0101_0101));
            let mut sums = [zero(); CHAINS];
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = dot(*sum, ones, ones);
                }
            }
            std::hint::black_box(sums);
            rounds * CHAINS * $lanes * products * 2
        }
    };
}

pub(super) use define_sum;
