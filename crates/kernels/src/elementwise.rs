//! Elementwise operations, as plain loops that the compiler vectorises.

use pulp::{Simd, WithSimd};

use crate::{Clamp, Isa};

/// A common multiple of RGB pixels and vectors, in values.
const RUN: usize = 48;

/// `out[p][c] = x[p][c] * scale[c] + offset[c]` for u8 pixels `[pixels][3]`.
#[derive(Clone, Debug)]
pub struct Normalize {
    isa: Isa,
    /// Scale and offset of each value of a run.
    scale: [f32; RUN],
    offset: [f32; RUN],
}

impl Normalize {
    /// Creates the normalisation from a scale and an offset for each channel.
    pub fn new(isa: Isa, scale: [f32; 3], offset: [f32; 3]) -> Self {
        let run = |channels: [f32; 3]| std::array::from_fn(|i| channels[i % 3]);
        Self { isa, scale: run(scale), offset: run(offset) }
    }

    /// Normalises whole pixels.
    ///
    /// # Panics
    /// When `x` and `out` differ in length.
    pub fn run(&self, x: &[u8], out: &mut [f32]) {
        assert_eq!(x.len(), out.len(), "x and out do not agree");
        self.isa.run(NormalizeRun { op: self, x, out });
    }
}

struct NormalizeRun<'a> {
    op: &'a Normalize,
    x: &'a [u8],
    out: &'a mut [f32],
}

impl WithSimd for NormalizeRun<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Normalize { scale, offset, .. } = self.op;
        let (runs, rest) = self.x.as_chunks::<RUN>();
        let (out_runs, out_rest) = self.out.as_chunks_mut::<RUN>();
        for (x, out) in runs.iter().zip(out_runs) {
            for i in 0..RUN {
                out[i] = f32::from(x[i]) * scale[i] + offset[i];
            }
        }
        for (i, (x, out)) in rest.iter().zip(out_rest).enumerate() {
            *out = f32::from(*x) * scale[i] + offset[i];
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

/// `out[p][c] = x[p][c] * gate[c]`.
///
/// # Panics
/// When the lengths do not agree.
pub fn gate(isa: Isa, x: &[f32], gate: &[f32], out: &mut [f32]) {
    assert!(x.len() == out.len() && x.len().is_multiple_of(gate.len()), "x and out do not agree");
    isa.run(GateRun { x, gate, out });
}

struct GateRun<'a> {
    x: &'a [f32],
    gate: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for GateRun<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let channels = self.gate.len();
        for (x, out) in self.x.chunks_exact(channels).zip(self.out.chunks_exact_mut(channels)) {
            for ((x, gate), out) in x.iter().zip(self.gate).zip(out) {
                *out = x * gate;
            }
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

/// Propagates the gradient through a clamp, in place: `d[i] = 0` unless `min < y[i] < max`, where `y` is the clamp's
/// output.
///
/// # Panics
/// When the lengths differ.
pub fn clamp_gradient(isa: Isa, y: &[f32], clamp: Clamp, d: &mut [f32]) {
    assert_eq!(y.len(), d.len(), "y and its gradient do not agree");
    isa.run(ClampGradient { y, clamp, d });
}

struct ClampGradient<'a> {
    y: &'a [f32],
    clamp: Clamp,
    d: &'a mut [f32],
}

impl WithSimd for ClampGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Clamp { min, max } = self.clamp;
        for (y, d) in self.y.iter().zip(self.d) {
            *d = if (*y > min) & (*y < max) { *d } else { 0.0 };
        }
    }
}
