//! The convolution as a matrix product over windows, with a fused epilogue.
//!
//! `out[p][n] = clamp(bias[n] + sum_k window(p)[k] * kernel[k][n] + residual[p][n])`
//!
//! A window is read where it lies, so a 1x1 convolution and a larger one over a padded map differ
//! in a few strides only.

mod tile;

use crate::extent::extent;
use crate::{AlignedBuffer, Clamp, Isa};

/// A convolution with its weights packed for an instruction set.
#[derive(Clone, Debug)]
pub struct Conv {
    isa: Isa,
    /// Values of a window.
    inputs: usize,
    outputs: usize,
    panels: Vec<Panel>,
    /// Each panel's weights, `[inputs][vectors][lanes]`, then zeros up to a whole vector.
    weights: AlignedBuffer,
    /// Zero beyond `outputs`.
    bias: AlignedBuffer,
    clamp: Clamp,
}

/// Output channels that are computed together.
#[derive(Clone, Copy, Debug)]
struct Panel {
    first_output: usize,
    vectors: usize,
    /// Where its weights start.
    offset: usize,
}

/// Where the windows of some output rows lie: `segments` runs of values each, from window to
/// window `pixel_stride` values on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Output rows.
    pub height: usize,
    /// Output pixels in a row.
    pub width: usize,
    /// Values from the first window of a row to the first of the next.
    pub row_stride: usize,
    /// Values from a window to the next.
    pub pixel_stride: usize,
    /// Runs of values in a window: the rows of its kernel.
    pub segments: usize,
    /// Values from the start of a run to the start of the next.
    pub segment_stride: usize,
}

impl Windows {
    /// Windows of one pixel each, of `channels` values, that follow each other.
    pub fn pixels(height: usize, width: usize, channels: usize) -> Self {
        Self {
            height,
            width,
            row_stride: width * channels,
            pixel_stride: channels,
            segments: 1,
            segment_stride: 0,
        }
    }

    /// Windows of `kernel` rows and columns, every `stride` ones, over a padded map whose rows
    /// have `padded` pixels of `channels` values.
    pub fn sliding(
        (height, width): (usize, usize),
        (kernel, stride): (usize, usize),
        padded: usize,
        channels: usize,
    ) -> Self {
        Self {
            height,
            width,
            row_stride: stride * padded * channels,
            pixel_stride: stride * channels,
            segments: kernel,
            segment_stride: padded * channels,
        }
    }

    /// Values from the start of the first window to the end of the last, with windows of `inputs`.
    fn reach(&self, inputs: usize) -> usize {
        let steps = [
            (self.height, self.row_stride),
            (self.width, self.pixel_stride),
            (self.segments, self.segment_stride),
        ];
        extent(&steps, inputs / self.segments)
    }

    /// The same windows as one row, if they are evenly spaced across the ends of rows.
    fn flattened(self) -> Option<Self> {
        let width = self.height.checked_mul(self.width)?;
        (self.width.checked_mul(self.pixel_stride) == Some(self.row_stride)).then_some(Self {
            height: 1,
            width,
            ..self
        })
    }
}

impl Conv {
    /// Packs `kernel`, `[inputs][outputs]`, for `isa`.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(isa: Isa, kernel: &[f32], bias: &[f32], clamp: Clamp) -> Self {
        let outputs = bias.len();
        let agree = outputs > 0 && !kernel.is_empty() && kernel.len().is_multiple_of(outputs);
        assert!(agree, "kernel and bias do not agree");
        let inputs = kernel.len() / outputs;
        let (lanes, widest) = isa.run(tile::Geometry);

        let mut panels = Vec::new();
        let mut first_output = 0;
        let mut offset = 0;
        while first_output < outputs {
            let vectors = (outputs - first_output).div_ceil(lanes).min(widest);
            panels.push(Panel { first_output, vectors, offset });
            first_output += vectors * lanes;
            offset += inputs * vectors * lanes;
        }

        let mut weights = AlignedBuffer::new(offset);
        for panel in &panels {
            let width = panel.vectors * lanes;
            let used = width.min(outputs - panel.first_output);
            for (input, row) in kernel.chunks_exact(outputs).enumerate() {
                weights[panel.offset + input * width..][..used]
                    .copy_from_slice(&row[panel.first_output..][..used]);
            }
        }
        let mut padded_bias = AlignedBuffer::new(first_output);
        padded_bias[..outputs].copy_from_slice(bias);
        Self { isa, inputs, outputs, panels, weights, bias: padded_bias, clamp }
    }

    /// Values of a window.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiply-adds for one pixel.
    pub fn multiply_adds(&self) -> usize {
        self.inputs * self.outputs
    }

    /// Computes the windows of `x` into `out`, whose rows lie `out_stride` values apart; what is
    /// between them is left as it is. `residual`, `[height][width][outputs]`, is added before
    /// clamping.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn run(
        &self,
        x: &[f32],
        windows: Windows,
        residual: Option<&[f32]>,
        out: &mut [f32],
        out_stride: usize,
    ) {
        let Windows { height, width, segments, .. } = windows;
        if height == 0 || width == 0 {
            return;
        }
        assert!(segments > 0 && self.inputs.is_multiple_of(segments), "windows of another shape");
        assert!(x.len() >= windows.reach(self.inputs), "x is too short");
        let row = extent(&[(width, self.outputs)], self.outputs);
        assert!(
            residual.is_none_or(|r| r.len() == extent(&[(height, row)], row)),
            "residual's length"
        );
        assert!(out_stride >= row || height == 1, "rows overlap");
        assert!(out.len() >= extent(&[(height, out_stride)], row), "out is too short");
        // Tiles may then reach over the ends of rows.
        let windows = windows.flattened().unwrap_or(windows);
        self.isa.run(tile::Run { op: self, x, windows, residual, out, row: width, out_stride });
    }
}
