//! The 1x1 convolution: a matrix product over pixels with a fused epilogue.
//!
//! `out[p][n] = clamp(bias[n] + sum_k x[p][k] * kernel[k][n] + residual[p][n])`

mod tile;

use crate::{AlignedBuffer, Clamp, Isa};

/// A 1x1 convolution with its weights packed for an instruction set.
#[derive(Clone, Debug)]
pub struct Pointwise {
    isa: Isa,
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

/// Where the rows of a map lie: `width` pixels that follow each other, then the next row `stride`
/// values after the start of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Pixels in a row.
    pub width: usize,
    /// Values from the start of a row to the start of the next.
    pub stride: usize,
}

impl Pointwise {
    /// Packs `kernel`, `[inputs][outputs]`, for `isa`.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(isa: Isa, kernel: &[f32], bias: &[f32], clamp: Clamp) -> Self {
        let outputs = bias.len();
        assert!(
            outputs > 0 && kernel.len().is_multiple_of(outputs),
            "kernel and bias do not agree"
        );
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

    /// Input channels.
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

    /// Computes all pixels of `x`, `[pixels][inputs]`, into `out`, whose rows lie as `rows` says;
    /// what lies between its rows is left as it is. `residual`, `[pixels][outputs]`, is added
    /// before clamping.
    ///
    /// # Panics
    /// When `x` is not a whole number of rows, or a slice is too short for them.
    pub fn run(&self, x: &[f32], residual: Option<&[f32]>, out: &mut [f32], rows: Rows) {
        let pixels = x.len() / self.inputs;
        assert_eq!(pixels * self.inputs, x.len(), "x is not a whole number of pixels");
        assert!(pixels.is_multiple_of(rows.width), "x is not a whole number of rows");
        assert!(rows.stride >= rows.width * self.outputs, "rows overlap");
        assert!(residual.is_none_or(|r| r.len() == pixels * self.outputs), "residual's length");
        if pixels == 0 {
            return;
        }
        let end = (pixels / rows.width - 1) * rows.stride + rows.width * self.outputs;
        assert!(out.len() >= end, "out is too short");
        self.isa.run(tile::Run { op: self, x, residual, out, rows, pixels });
    }

    /// [`Pointwise::run`] with the pixels of `out` following each other.
    ///
    /// # Panics
    /// As [`Pointwise::run`].
    pub fn run_dense(&self, x: &[f32], residual: Option<&[f32]>, out: &mut [f32]) {
        let width = x.len() / self.inputs;
        if width > 0 {
            self.run(x, residual, out, Rows { width, stride: width * self.outputs });
        }
    }
}
