//! Computes rows of output: some columns at a time for a vector of channels, with sums in registers.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Depthwise, Run};
use crate::Clamp;
use crate::activation::{Pixels, finish};
use crate::chunks::evenly;
use crate::simd::{clamp, load, mul_add, store};

/// A job checked by [`Depthwise::run`]: the input contains all vectors of all pixels that the output reads, and the
/// output all its pixels.
pub(super) struct Job<'a> {
    pub(super) op: &'a Depthwise,
    pub(super) run: Run<'a>,
}

/// Maximum columns per tile: their sums, a row of weights and a value must fit into the registers, and more independent
/// sums hide more latency.
#[inline(always)]
fn most_columns<S: Simd>(kernel: usize) -> usize {
    if S::REGISTER_COUNT < 32 || kernel > 3 { 5 } else { 10 }
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // With a constant kernel and stride the taps are unrolled and neighbouring pixels share loaded values.
        match (self.op.kernel, self.op.stride) {
            (3, 1) => self.columns::<S, 3, 1>(simd),
            (3, 2) => self.columns::<S, 3, 2>(simd),
            (5, 1) => self.columns::<S, 5, 1>(simd),
            (5, 2) => self.columns::<S, 5, 2>(simd),
            (7, 1) => self.columns::<S, 7, 1>(simd),
            _ => self.any(simd),
        }
        if let Some(function) = self.op.activation.function() {
            let Run { channels, height, width, out, out_stride, .. } = &mut self.run;
            let (size, strides) = ((*height, *width), (*width * *out_stride, *out_stride));
            finish(simd, function, Pixels { values: out, size, strides, used: channels.len() });
        }
    }
}

impl Job<'_> {
    #[inline(always)]
    fn columns<S: Simd, const K: usize, const STRIDE: usize>(&mut self, simd: S) {
        for (columns, range) in evenly(self.run.width, most_columns::<S>(K)) {
            if range.is_empty() {
                continue;
            }
            // Called through pointers, each size remains a separate function: combined in one function, they exceed
            // what the compiler keeps in registers.
            let sizes = [
                sized::<S, K, STRIDE, 1>,
                sized::<S, K, STRIDE, 2>,
                sized::<S, K, STRIDE, 3>,
                sized::<S, K, STRIDE, 4>,
                sized::<S, K, STRIDE, 5>,
                sized::<S, K, STRIDE, 6>,
                sized::<S, K, STRIDE, 7>,
                sized::<S, K, STRIDE, 8>,
                sized::<S, K, STRIDE, 9>,
                sized::<S, K, STRIDE, 10>,
            ];
            sizes[columns - 1](simd, self, range);
        }
    }

    /// Any kernel and stride, pixel by pixel.
    #[inline(always)]
    fn any<S: Simd>(&mut self, simd: S) {
        let Run { input, input_stride, height, width, rows, out_stride, .. } = self.run;
        let (kernel, stride) = (self.op.kernel, self.op.stride);
        for first in (0..self.run.channels.len()).step_by(S::F32_LANES) {
            let lanes = self.lanes_stored::<S>(first);
            let (bias, weights) = packed::<S>(self.op, self.run.channels.start + first);
            for pixel in 0..height * width {
                let (y, x) = (pixel / width, pixel % width);
                let mut sum = bias;
                for (i, weights) in weights.chunks_exact(kernel).enumerate() {
                    let row = (rows.first + y * stride + i) % rows.slots * rows.stride;
                    for (j, weight) in weights.iter().enumerate() {
                        let at = row + (x * stride + j) * input_stride + first;
                        sum = mul_add(simd, load(simd, &input[at..]), *weight, sum);
                    }
                }
                let (min, max) = self.limits(simd);
                let to = &mut self.run.out[pixel * out_stride + first..][..lanes];
                store(simd, to, clamp(simd, sum, min, max));
            }
        }
    }

    /// The number of lanes to store of the vector of channels that starts at `first`: all if every pixel has room for
    /// them.
    #[inline(always)]
    fn lanes_stored<S: Simd>(&self, first: usize) -> usize {
        let Run { channels, height, width, out, out_stride, .. } = &self.run;
        let last = (height * width - 1) * out_stride + first;
        if first + S::F32_LANES <= *out_stride && last + S::F32_LANES <= out.len() {
            S::F32_LANES
        } else {
            S::F32_LANES.min(channels.len() - first)
        }
    }

    #[inline(always)]
    fn limits<S: Simd>(&self, simd: S) -> (S::f32s, S::f32s) {
        let Clamp { min, max } = self.op.activation.clamp().unwrap_or(Clamp::NONE);
        (simd.splat_f32s(min), simd.splat_f32s(max))
    }
}

/// Computes the tiles of `T` pixels in `columns` of every row.
fn sized<S: Simd, const K: usize, const STRIDE: usize, const T: usize>(
    simd: S,
    job: &mut Job<'_>,
    columns: Range<usize>,
) {
    assert!(T <= most_columns::<S>(K), "a larger tile than the registers hold");
    simd.vectorize(Sized::<K, STRIDE, T> { job, columns });
}

/// Tiles of `T` pixels in some columns of every row.
struct Sized<'j, 'a, const K: usize, const STRIDE: usize, const T: usize> {
    job: &'j mut Job<'a>,
    columns: Range<usize>,
}

// The compiler unrolls index loops completely, so that sums stay in registers.
#[allow(clippy::needless_range_loop)]
impl<const K: usize, const STRIDE: usize, const T: usize> WithSimd for Sized<'_, '_, K, STRIDE, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { job, columns } = self;
        let Run { rows, input_stride, height, width, out_stride, .. } = job.run;
        let (min, max) = job.limits(simd);
        for channel in (0..job.run.channels.len()).step_by(S::F32_LANES) {
            let (bias, taps) = packed::<S>(job.op, job.run.channels.start + channel);
            let mut weights = [[bias; K]; K];
            for i in 0..K {
                for j in 0..K {
                    weights[i][j] = taps[i * K + j];
                }
            }
            let lanes = job.lanes_stored::<S>(channel);
            let mask = (lanes < S::F32_LANES).then(|| simd.mask_between_m32s(0, lanes as u32));
            let input = job.run.input.as_ptr().wrapping_add(channel);
            let out = job.run.out.as_mut_ptr().wrapping_add(channel);
            let mut rows = rows;
            for y in 0..height {
                let mut starts = [0; K];
                for i in 0..K {
                    starts[i] = rows.start(i);
                }
                rows.advance(STRIDE);
                for x in columns.clone().step_by(T) {
                    let mut sums = [bias; T];
                    for i in 0..K {
                        for j in 0..K {
                            for t in 0..T {
                                // SAFETY: from the start of every row, the input extends to the last vector of the last
                                // pixel that a row of output reads, and `x + T` is at most the width.
                                let value = unsafe {
                                    let at = starts[i] + ((x + t) * STRIDE + j) * input_stride;
                                    input.add(at).cast::<S::f32s>().read_unaligned()
                                };
                                sums[t] = mul_add(simd, value, weights[i][j], sums[t]);
                            }
                        }
                    }
                    for t in 0..T {
                        let sum = clamp(simd, sums[t], min, max);
                        // SAFETY: every pixel has `lanes` values from `channel` on, which are all
                        // lanes or those of the mask.
                        unsafe {
                            let to = out.add((y * width + x + t) * out_stride);
                            match mask {
                                None => to.cast::<S::f32s>().write_unaligned(sum),
                                Some(mask) => simd.mask_store_ptr_f32s(mask, to, sum),
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The bias and the taps of the vector of channels that starts at `channel`.
#[inline(always)]
fn packed<S: Simd>(op: &Depthwise, channel: usize) -> (S::f32s, &[S::f32s]) {
    let bias = S::as_simd_f32s(&op.bias[channel..][..S::F32_LANES]).0[0];
    let taps = op.kernel * op.kernel;
    let weights = &op.weights[channel * taps..][..S::F32_LANES * taps];
    (bias, S::as_simd_f32s(weights).0)
}
