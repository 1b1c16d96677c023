//! LayerNormalization of each position, by the mean and variance of its channels.

use pulp::{Simd, WithSimd};

use crate::Isa;
use crate::simd::{load, mul_add, store};

/// `out[p][c] = (x[p][c] - mean(p)) / sqrt(variance(p) + epsilon) * scale[c] + bias[c]`.
///
/// # Panics
/// When the lengths do not agree.
pub fn layer_norm(
    isa: Isa,
    x: &[f32],
    (scale, bias): (&[f32], &[f32]),
    epsilon: f32,
    out: &mut [f32],
) {
    let channels = scale.len();
    assert!(x.len() == out.len() && x.len().is_multiple_of(channels), "x and out do not agree");
    assert_eq!(bias.len(), channels, "a bias for each channel");
    isa.run(LayerNorm { x, scale, bias, epsilon, out });
}

struct LayerNorm<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    bias: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl WithSimd for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { x, scale, bias, epsilon, out } = self;
        let channels = scale.len();
        for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
            let (mean, inverse) = position(simd, x, epsilon);
            let (mean, inverse) = (simd.splat_f32s(mean), simd.splat_f32s(inverse));
            let chunks = x.chunks(S::F32_LANES).zip(out.chunks_mut(S::F32_LANES));
            let weights = scale.chunks(S::F32_LANES).zip(bias.chunks(S::F32_LANES));
            for ((x, out), (scale, bias)) in chunks.zip(weights) {
                let hat = simd.mul_f32s(simd.sub_f32s(load(simd, x), mean), inverse);
                store(simd, out, mul_add(simd, hat, load(simd, scale), load(simd, bias)));
            }
        }
    }
}

/// The mean of a position's channels and `1 / sqrt(variance + epsilon)`, in two passes, so that a large mean costs no
/// precision.
#[inline(always)]
fn position<S: Simd>(simd: S, x: &[f32], epsilon: f32) -> (f32, f32) {
    let n = x.len() as f32;
    let mean = sum(simd, x) / n;
    let (vectors, rest) = S::as_simd_f32s(x);
    let centre = simd.splat_f32s(mean);
    let mut squares = simd.splat_f32s(0.0);
    for vector in vectors {
        let off = simd.sub_f32s(*vector, centre);
        squares = mul_add(simd, off, off, squares);
    }
    let rest: f32 = rest.iter().map(|x| (x - mean) * (x - mean)).sum();
    let variance = (simd.reduce_sum_f32s(squares) + rest) / n;
    (mean, 1.0 / (variance + epsilon).sqrt())
}

#[inline(always)]
fn sum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (vectors, rest) = S::as_simd_f32s(x);
    let mut sum = simd.splat_f32s(0.0);
    for vector in vectors {
        sum = simd.add_f32s(sum, *vector);
    }
    simd.reduce_sum_f32s(sum) + rest.iter().sum::<f32>()
}

/// The gradients of a LayerNormalization: `d_x` is overwritten, those of scale and bias are added to.
#[derive(Debug)]
pub struct LayerNormGradient<'a> {
    /// The input, `[positions][channels]`.
    pub x: &'a [f32],
    /// The gradient of the output.
    pub d_out: &'a [f32],
    /// `[channels]`.
    pub scale: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
    /// The gradients of scale and bias, if needed.
    pub d_weights: Option<(&'a mut [f32], &'a mut [f32])>,
    /// The gradient of the input, if needed.
    pub d_x: Option<&'a mut [f32]>,
}

impl LayerNormGradient<'_> {
    /// Computes the gradients of all positions.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn run(self, isa: Isa) {
        let channels = self.scale.len();
        let agree = self.x.len() == self.d_out.len() && self.x.len().is_multiple_of(channels);
        assert!(agree, "x and the gradient do not agree");
        assert!(self.d_x.as_ref().is_none_or(|d_x| d_x.len() == self.x.len()), "room for d_x");
        isa.run(self);
    }
}

impl WithSimd for LayerNormGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.scale.len();
        for (index, (x, d)) in
            self.x.chunks_exact(channels).zip(self.d_out.chunks_exact(channels)).enumerate()
        {
            let (mean, inverse) = position(simd, x, self.epsilon);
            if let Some((d_scale, d_bias)) = &mut self.d_weights {
                for c in 0..channels {
                    d_scale[c] += d[c] * (x[c] - mean) * inverse;
                    d_bias[c] += d[c];
                }
            }
            let Some(d_x) = &mut self.d_x else { continue };
            let d_x = &mut d_x[index * channels..][..channels];
            // d_hat = d * scale; d_x = (d_hat - mean(d_hat) - hat * mean(d_hat * hat)) / sigma
            let (mut first, mut second) = (0.0, 0.0);
            for c in 0..channels {
                let d_hat = d[c] * self.scale[c];
                first += d_hat;
                second += d_hat * (x[c] - mean);
            }
            let n = channels as f32;
            let (first, second) = (first / n, second * inverse * inverse / n);
            for c in 0..channels {
                d_x[c] = (d[c] * self.scale[c] - first - (x[c] - mean) * second) * inverse;
            }
        }
    }
}
