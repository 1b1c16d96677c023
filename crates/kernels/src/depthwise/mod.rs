//! The depthwise convolution, over a map that is already padded.
//!
//! `out[y][x][c] = activation(bias[c] + sum_ij in[y * s + i][x * s + j][c] * kernel[i][j][c])`

mod input_gradient;
mod kernel_gradient;
mod rows;

use std::ops::Range;

use crate::extent::extent;
use crate::{Activation, AlignedBuffer, Isa};

pub use input_gradient::{Gate, InputGradient, StridedMut, zeros_around};
pub use kernel_gradient::{KernelGradient, Strided};

/// A depthwise convolution with a square kernel.
#[derive(Clone, Debug)]
pub struct Depthwise {
    isa: Isa,
    channels: usize,
    kernel: usize,
    stride: usize,
    /// `[vectors][kernel][kernel][lanes]`, zero beyond `channels`.
    weights: AlignedBuffer,
    /// Zero beyond `channels`.
    bias: AlignedBuffer,
    activation: Activation,
}

/// Rows of the output, or a range of channels of them.
#[derive(Debug)]
pub struct Run<'a> {
    /// The range starts at a multiple of the vector length.
    pub channels: Range<usize>,
    /// The padded input rows that these rows read, starting at the first of `channels`. Pixels are padded to whole
    /// vectors.
    pub input: &'a [f32],
    /// Location of these rows.
    pub rows: Ring,
    /// Stride between input pixels, in values.
    pub input_stride: usize,
    /// Output rows.
    pub height: usize,
    /// Output pixels per row.
    pub width: usize,
    /// `[height][width]` pixels, starting at the first value of the first.
    pub out: &'a mut [f32],
    /// Stride between output pixels, in values. If a pixel has room, the zeros that pad its last vector are stored as
    /// well.
    pub out_stride: usize,
}

/// Rows in a ring buffer that contains a part of a map: row `y` is in slot `y % slots`.
#[derive(Clone, Copy, Debug)]
pub struct Ring {
    /// The first input row that the first output row reads.
    pub first: usize,
    /// Number of slots.
    pub slots: usize,
    /// Stride between slots, in values.
    pub stride: usize,
}

impl Ring {
    /// The start of row `first + i`, where `first` and `i` are less than the number of slots.
    #[inline(always)]
    fn start(&self, i: usize) -> usize {
        let slot = self.first + i;
        (if slot < self.slots { slot } else { slot - self.slots }) * self.stride
    }

    /// Advances by at most as many rows as there are slots, without a division.
    #[inline(always)]
    fn advance(&mut self, rows: usize) {
        self.first += rows;
        if self.first >= self.slots {
            self.first -= self.slots;
        }
    }
}

impl Depthwise {
    /// Creates a convolution with `weights`, `[kernel][kernel][channels]`.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(
        isa: Isa,
        weights: &[f32],
        bias: &[f32],
        kernel: usize,
        stride: usize,
        activation: impl Into<Activation>,
    ) -> Self {
        let activation = activation.into();
        let channels = bias.len();
        assert!(kernel > 0 && stride > 0 && channels > 0);
        let padded = channels.next_multiple_of(isa.lanes());
        let packed = AlignedBuffer::new(kernel * kernel * padded);
        let own_bias = AlignedBuffer::new(padded);
        let mut own =
            Self { isa, channels, kernel, stride, weights: packed, bias: own_bias, activation };
        own.load(weights, bias);
        own
    }

    /// Replaces the weights by others of the same shape.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn load(&mut self, weights: &[f32], bias: &[f32]) {
        let (channels, taps) = (self.channels, self.kernel * self.kernel);
        assert_eq!(weights.len(), taps * channels, "weights of another shape");
        assert_eq!(bias.len(), channels, "a bias for each channel");
        let lanes = self.isa.lanes();
        for (tap, weights) in weights.chunks_exact(channels).enumerate() {
            for (vector, weights) in weights.chunks(lanes).enumerate() {
                let at = (vector * taps + tap) * lanes;
                self.weights[at..][..weights.len()].copy_from_slice(weights);
            }
        }
        self.bias[..channels].copy_from_slice(bias);
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

    /// Input rows or columns that `outputs` output rows or columns cover.
    ///
    /// # Panics
    /// When `outputs` is 0.
    pub fn inputs_under(&self, outputs: usize) -> usize {
        extent(&[(outputs, self.stride)], self.kernel)
    }

    /// Computes a range of rows.
    ///
    /// # Panics
    /// When a slice is too short, or the channels start within a vector.
    pub fn run(&self, mut run: Run<'_>) {
        let Run { channels, input, rows, input_stride, height, width, out, out_stride } = &run;
        let pixels = height.checked_mul(*width).expect("fewer pixels than any slice has");
        if pixels == 0 || channels.is_empty() {
            return;
        }
        let lanes = self.isa.lanes();
        assert!(channels.end <= self.channels && channels.start.is_multiple_of(lanes));
        assert!(rows.slots >= self.inputs_under(*height), "fewer rows than lie under the output");
        let padded = channels.len().next_multiple_of(lanes);
        assert!(*input_stride >= padded, "pixels overlap");
        let reach = extent(&[(self.inputs_under(*width), *input_stride)], padded);
        let end = extent(&[(rows.slots, rows.stride)], reach);
        assert!(input.len() >= end, "input is too short");
        assert!(*out_stride >= channels.len(), "pixels overlap");
        assert!(out.len() >= extent(&[(pixels, *out_stride)], channels.len()), "out is too short");
        run.rows.first %= run.rows.slots;
        self.isa.run(rows::Job { op: self, run });
    }
}
