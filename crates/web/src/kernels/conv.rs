//! Convolutions that read their windows in place: 1 x 1 windows, or rows of a padded map.

use headstart_engine::frozen::Clamp;

use super::{F32_BYTES, LANES, clamped, tiles};
use crate::code::{Body, Expr, I32, Var};
use crate::data::{Data, PANEL};

/// Vectors of outputs that are summed at a time.
const VECTORS: usize = PANEL / LANES;
/// Pixels that are summed at a time, without and with fused multiply-add. With two vectors for each pixel, the sums and
/// the operands fill the sixteen registers that most processors have. An unfused product needs one more.
const PIXELS: [usize; 2] = [5, 6];
/// The largest number of inputs whose products are added without a branch.
const UNROLLED: usize = 12;

/// A convolution with its weights in memory.
#[derive(Clone, Debug)]
pub(crate) struct Conv {
    /// Rows of a window.
    pub(crate) rows: usize,
    /// Values in a row of a window.
    pub(crate) row: usize,
    /// Bytes from one row of the input to the next.
    pub(crate) pitch: usize,
    /// Bytes from the window of one pixel to that of the next.
    pub(crate) step: usize,
    pub(crate) outputs: usize,
    pub(crate) clamp: Clamp,
    pub(crate) residual: bool,
    /// The address of the weights, `[panels][inputs][PANEL]`.
    pub(crate) kernel: u32,
    bias: u32,
}

impl Conv {
    /// A 1 x 1 convolution. `bytes` is the size of a stored weight.
    pub(crate) fn pointwise(
        data: &mut Data,
        (kernel, bias): (&[f32], &[f32]),
        bytes: usize,
        clamp: Clamp,
        residual: bool,
    ) -> Self {
        let inputs = kernel.len() / bias.len();
        let window = (1, 0, inputs * F32_BYTES);
        Self::new(data, (kernel, bias), bytes, window, clamp, residual)
    }

    /// `kernel` is `[rows * row][outputs]`, stored with `bytes` bytes per weight. In the input, rows are `pitch` bytes
    /// apart, and the windows of neighbouring pixels are `step` bytes apart.
    pub(crate) fn new(
        data: &mut Data,
        (kernel, bias): (&[f32], &[f32]),
        bytes: usize,
        (rows, pitch, step): (usize, usize, usize),
        clamp: Clamp,
        residual: bool,
    ) -> Self {
        let outputs = bias.len();
        let inputs = kernel.len() / outputs;
        let mut padded = bias.to_vec();
        padded.resize(outputs.next_multiple_of(PANEL), 0.0);
        let mut packed = Vec::with_capacity(inputs * padded.len());
        for first in (0..padded.len()).step_by(PANEL) {
            for weights in kernel.chunks_exact(outputs) {
                let weight = |output: usize| weights.get(output).copied().unwrap_or(0.0);
                packed.extend((first..first + PANEL).map(weight));
            }
        }
        let kernel = match bytes {
            F32_BYTES => data.exact(&packed),
            _ => data.short(&packed, inputs, bytes),
        };
        let bias = data.exact(&padded);
        Self { rows, row: inputs / rows, pitch, step, outputs, clamp, residual, kernel, bias }
    }

    /// A function of three addresses: of the input, the output and the residual. It computes `pixels` consecutive
    /// pixels.
    pub(crate) fn body(&self, pixels: usize, fused: bool) -> Body {
        assert!(pixels == 1 || self.outputs.is_multiple_of(PANEL), "outputs are whole panels");
        let (mut body, [input, output, residual]) = Body::taking(fused);
        let kernel = body.var(Expr::int(self.kernel));
        let bias = body.var(Expr::int(self.bias));
        let at = At { input, output, residual, kernel, bias };
        body.repeat(self.outputs.div_ceil(PANEL), |body| self.panel(body, at, pixels));
        body
    }

    /// Computes a panel of outputs, and advances to the next.
    fn panel(&self, body: &mut Body, at: At, pixels: usize) {
        let input = body.var(at.input.get());
        let output = body.var(at.output.get());
        let residual = body.var(at.residual.get());
        let tile = At { input, output, residual, ..at };
        for (count, size) in tiles(pixels, PIXELS[usize::from(body.is_fused())]) {
            body.repeat(count, |body| self.tile(body, tile, size));
        }
        let bytes = (PANEL * F32_BYTES) as u32;
        body.step(at.output, bytes);
        body.step(at.bias, bytes);
        body.step(at.kernel, bytes * (self.rows * self.row) as u32);
        if self.residual {
            body.step(at.residual, bytes);
        }
    }

    /// Computes some pixels, and advances to the next.
    fn tile(&self, body: &mut Body, at: At, pixels: usize) {
        let vector = LANES * F32_BYTES;
        let sums: Vec<Vec<_>> = (0..pixels)
            .map(|_| {
                let of = |v: usize| at.bias.get().vector_at((v * vector) as u32);
                (0..VECTORS).map(|v| body.var(of(v))).collect()
            })
            .collect();
        let input = body.var(at.input.get());
        let kernel = body.var(at.kernel.get());
        let unrolled =
            (1..=UNROLLED).rev().find(|&n| self.row.is_multiple_of(n)).expect("one does");
        for row in 0..self.rows {
            body.repeat(self.row / unrolled, |body| {
                for k in 0..unrolled {
                    let weights: Vec<_> = (0..VECTORS)
                        .map(|v| {
                            body.var(kernel.get().vector_at(((k * VECTORS + v) * vector) as u32))
                        })
                        .collect();
                    for (p, sums) in sums.iter().enumerate() {
                        let offset = p * self.step + k * F32_BYTES;
                        let x = body.var(input.get().splat_at(offset as u32));
                        for (&sum, weights) in sums.iter().zip(&weights) {
                            body.add_product(sum, x.get(), weights.get());
                        }
                    }
                }
                body.step(input, (unrolled * F32_BYTES) as u32);
                body.step(kernel, (unrolled * PANEL * F32_BYTES) as u32);
            });
            if row + 1 < self.rows {
                body.step(input, (self.pitch - self.row * F32_BYTES) as u32);
            }
        }
        let pixel = self.outputs * F32_BYTES;
        for (p, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                let offset = (p * pixel + v * vector) as u32;
                let sum = match self.residual {
                    true => sum.get() + at.residual.get().vector_at(offset),
                    false => sum.get(),
                };
                body.store(at.output.get(), offset, clamped(sum, self.clamp));
            }
        }
        body.step(at.input, (pixels * self.step) as u32);
        body.step(at.output, (pixels * pixel) as u32);
        if self.residual {
            body.step(at.residual, (pixels * pixel) as u32);
        }
    }
}

/// The addresses that a panel or a tile reads and writes.
#[derive(Clone, Copy)]
struct At {
    input: Var<I32>,
    output: Var<I32>,
    residual: Var<I32>,
    kernel: Var<I32>,
    bias: Var<I32>,
}
