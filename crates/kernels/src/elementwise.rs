//! Operations on each value by itself. Plain loops, which the compiler vectorises.

use pulp::{Simd, WithSimd};

use crate::{Clamp, Isa};

/// `out[p][c] = x[p][c] * scale[c] + offset[c]` for u8 pixels `[pixels][3]`.
///
/// # Panics
/// When `x` and `out` differ in length.
pub fn normalize(isa: Isa, x: &[u8], scale: [f32; 3], offset: [f32; 3], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "x and out do not agree");
    isa.run(Normalize { x, scale, offset, out });
}

struct Normalize<'a> {
    x: &'a [u8],
    scale: [f32; 3],
    offset: [f32; 3],
    out: &'a mut [f32],
}

impl WithSimd for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        /// A whole number of pixels and of vectors.
        const RUN: usize = 48;
        let scale: [f32; RUN] = std::array::from_fn(|i| self.scale[i % 3]);
        let offset: [f32; RUN] = std::array::from_fn(|i| self.offset[i % 3]);
        for (x, out) in self.x.chunks(RUN).zip(self.out.chunks_mut(RUN)) {
            if let (Ok(x), Ok(out)) =
                (<&[u8; RUN]>::try_from(x), <&mut [f32; RUN]>::try_from(&mut *out))
            {
                for i in 0..RUN {
                    out[i] = f32::from(x[i]) * scale[i] + offset[i];
                }
            } else {
                for (i, (x, out)) in x.iter().zip(out).enumerate() {
                    *out = f32::from(*x) * scale[i] + offset[i];
                }
            }
        }
    }
}

/// `out[p][c] = clamp(x[p][c] * scale[c] + bias[c] + residual[p][c])`.
///
/// # Panics
/// When the lengths do not agree.
pub fn affine(
    x: &[f32],
    scale: &[f32],
    bias: &[f32],
    residual: Option<&[f32]>,
    clamp: Clamp,
    out: &mut [f32],
) {
    let channels = scale.len();
    assert!(x.len() == out.len() && x.len().is_multiple_of(channels), "x and out do not agree");
    assert!(residual.is_none_or(|r| r.len() == x.len()), "residual's length");
    for (pixel, (x, out)) in
        x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)).enumerate()
    {
        for c in 0..channels {
            let residual = residual.map_or(0.0, |r| r[pixel * channels + c]);
            out[c] = (x[c] * scale[c] + bias[c] + residual).max(clamp.min).min(clamp.max);
        }
    }
}

/// `exp(x_i) / sum_j exp(x_j)` in place, for each row of `classes`.
pub fn softmax(x: &mut [f32], classes: usize) {
    for row in x.chunks_exact_mut(classes) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for x in row.iter_mut() {
            *x = (*x - max).exp();
            sum += *x;
        }
        for x in row {
            *x /= sum;
        }
    }
}
