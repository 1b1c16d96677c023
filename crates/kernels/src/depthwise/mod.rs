//! The depthwise convolution: each channel by itself, over a map that is padded already.
//!
//! `out[y][x][c] = clamp(bias[c] + sum_ij in[y * s + i][x * s + j][c] * kernel[i][j][c])`

use pulp::{Simd, WithSimd};

use crate::extent::extent;
use crate::simd::{clamp, load, mul_add, store};
use crate::{Clamp, Isa};

/// A depthwise convolution with a square kernel.
#[derive(Clone, Debug)]
pub struct Depthwise {
    isa: Isa,
    channels: usize,
    kernel: usize,
    stride: usize,
    /// `[kernel][kernel][channels]`.
    weights: Vec<f32>,
    bias: Vec<f32>,
    clamp: Clamp,
}

/// The part of a map that one call of [`Depthwise::run`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Output rows.
    pub height: usize,
    /// Output columns.
    pub width: usize,
    /// Values from the start of an input row to the start of the next.
    pub input_stride: usize,
}

impl Depthwise {
    /// A convolution with `weights`, `[kernel][kernel][channels]`.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(
        isa: Isa,
        weights: &[f32],
        bias: &[f32],
        kernel: usize,
        stride: usize,
        clamp: Clamp,
    ) -> Self {
        let channels = bias.len();
        assert_eq!(weights.len(), kernel * kernel * channels, "weights and bias do not agree");
        assert!(kernel > 0 && stride > 0 && channels > 0);
        Self {
            isa,
            channels,
            kernel,
            stride,
            weights: weights.to_vec(),
            bias: bias.to_vec(),
            clamp,
        }
    }

    /// Channels of input and output.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Side of the kernel.
    pub fn kernel(&self) -> usize {
        self.kernel
    }

    /// Step in both directions.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Input rows, or columns, under `outputs` of them.
    ///
    /// # Panics
    /// When `outputs` is 0.
    pub fn inputs_under(&self, outputs: usize) -> usize {
        extent(&[(outputs, self.stride)], self.kernel)
    }

    /// Computes a band. `input` starts at its first row, padding included; `out` is
    /// `[height][width][channels]`.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn run(&self, input: &[f32], out: &mut [f32], band: Band) {
        if band.height == 0 || band.width == 0 {
            return;
        }
        let row = extent(&[(self.inputs_under(band.width), self.channels)], self.channels);
        assert!(band.input_stride >= row, "rows overlap");
        let end = extent(&[(self.inputs_under(band.height), band.input_stride)], row);
        assert!(input.len() >= end, "input is too short");
        let out_row = extent(&[(band.width, self.channels)], self.channels);
        assert_eq!(out.len(), extent(&[(band.height, out_row)], out_row), "out's length");
        self.isa.run(Run { op: self, input, out, band });
    }
}

struct Run<'a> {
    op: &'a Depthwise,
    input: &'a [f32],
    out: &'a mut [f32],
    band: Band,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // A constant kernel size lets the taps be unrolled and their weights stay in registers.
        match self.op.kernel {
            3 => self.taps::<S, 9>(simd, 3),
            5 => self.taps::<S, 25>(simd, 5),
            kernel => self.any(simd, kernel, 0),
        }
    }
}

impl Run<'_> {
    #[inline(always)]
    fn taps<S: Simd, const TAPS: usize>(&mut self, simd: S, kernel: usize) {
        let Self { op, input, band, .. } = *self;
        let channels = op.channels;
        let (min, max) = (simd.splat_f32s(op.clamp.min), simd.splat_f32s(op.clamp.max));
        let (step, out_row) = (op.stride * channels, band.width * channels);
        let mut first = 0;
        while first + S::F32_LANES <= channels {
            let weights: [S::f32s; TAPS] =
                std::array::from_fn(|tap| load(simd, &op.weights[tap * channels + first..]));
            let bias = load(simd, &op.bias[first..]);
            let offsets: [usize; TAPS] = std::array::from_fn(|tap| {
                tap / kernel * band.input_stride + tap % kernel * channels + first
            });
            for y in 0..band.height {
                let input = &input[y * op.stride * band.input_stride..];
                let out = &mut self.out[y * out_row..][..out_row];
                for (x, out) in out.chunks_exact_mut(channels).enumerate() {
                    let at = x * step;
                    let mut sum = bias;
                    for tap in 0..TAPS {
                        // SAFETY: `run` has checked, without overflow, that the input reaches the
                        // last tap of the last pixel of the last row; `first + LANES <= channels`.
                        let value = unsafe {
                            let start = input.as_ptr().add(at + offsets[tap]);
                            start.cast::<S::f32s>().read_unaligned()
                        };
                        sum = mul_add(simd, value, weights[tap], sum);
                    }
                    store(simd, &mut out[first..], clamp(simd, sum, min, max));
                }
            }
            first += S::F32_LANES;
        }
        self.any(simd, kernel, first);
    }

    /// The channels from `first` on, any kernel size.
    #[inline(always)]
    fn any<S: Simd>(&mut self, simd: S, kernel: usize, mut first: usize) {
        while first < self.op.channels {
            self.channel_vector(simd, kernel, first);
            first += S::F32_LANES;
        }
    }

    /// Up to one vector of channels, any kernel size.
    #[inline(always)]
    fn channel_vector<S: Simd>(&mut self, simd: S, kernel: usize, first: usize) {
        let Self { op, input, band, .. } = *self;
        let channels = op.channels;
        let used = first..(first + S::F32_LANES).min(channels);
        let (min, max) = (simd.splat_f32s(op.clamp.min), simd.splat_f32s(op.clamp.max));
        let bias = load(simd, &op.bias[used.clone()]);
        for y in 0..band.height {
            for x in 0..band.width {
                let mut sum = bias;
                for i in 0..kernel {
                    for j in 0..kernel {
                        let at = (y * op.stride + i) * band.input_stride
                            + (x * op.stride + j) * channels;
                        let value = load(simd, &input[at..][used.clone()]);
                        let weight = &op.weights[(i * kernel + j) * channels..][used.clone()];
                        sum = mul_add(simd, value, load(simd, weight), sum);
                    }
                }
                let at = (y * band.width + x) * channels;
                store(simd, &mut self.out[at..][used.clone()], clamp(simd, sum, min, max));
            }
        }
    }
}
