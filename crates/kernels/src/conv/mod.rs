//! The convolution as a matrix product over windows, with a fused epilogue.
//!
//! `out[p][n] = activation(bias[n] + sum_k window(p)[k] * kernel[k][n] + residual[p][n])`
//!
//! Windows are read in place, so a 1x1 convolution and a larger one over a padded map differ only in a few strides.
//! Weights are packed in *panels* of output channels that a register tile computes together, and these in *chunks* of
//! inputs: a caller that has only some of the inputs adds their products to the sums of earlier chunks.

mod gradient;
mod tile;
mod windows;

use std::ops::Range;

use crate::chunks::chunks;
use crate::{Activation, AlignedBuffer, Isa};

pub use gradient::KernelGradient;
pub use windows::{Target, Windows};

/// A convolution with its weights packed for an instruction set.
#[derive(Clone, Debug)]
pub struct Conv {
    isa: Isa,
    outputs: usize,
    panels: Vec<Panel>,
    /// Inputs of each chunk.
    chunks: Vec<Range<usize>>,
    /// `[chunks][panels][inputs][vectors][lanes]`, zero beyond `outputs`.
    weights: AlignedBuffer,
    /// Zero beyond `outputs`.
    bias: AlignedBuffer,
    activation: Activation,
}

/// Output channels that are computed together.
#[derive(Clone, Copy, Debug)]
struct Panel {
    first_output: usize,
    vectors: usize,
}

/// Bytes of a panel's weights that stay in L1, beside the pixels that are multiplied by them.
const CHUNK_BYTES: usize = 32 << 10;

/// The ends of chunks of `inputs`, in `rows` kernel rows of equal length, whose weights for a panel stay in L1 while many
/// pixels are multiplied by them. All inputs are one chunk unless a panel has several times as many, since every chunk
/// reads and writes the sums.
pub fn chunks_in_cache(isa: Isa, inputs: usize, rows: usize) -> Vec<usize> {
    let width = isa.run(tile::WidestPanel) * isa.lanes();
    let most = CHUNK_BYTES / (width * size_of::<f32>());
    if inputs <= 4 * most {
        return vec![inputs];
    }
    let row = inputs / rows;
    let chunk = row.div_ceil(row.div_ceil(most)).next_multiple_of(tile::STEPS);
    let of_row = |start: usize| {
        let end = start + row;
        (start..end).step_by(chunk).map(move |first| (first + chunk).min(end))
    };
    (0..inputs).step_by(row).flat_map(of_row).collect()
}

/// The arguments of [`Conv::run`].
#[derive(Debug)]
pub struct Run<'a> {
    /// Panels of output channels; the target starts at the first of these channels.
    pub panels: Range<usize>,
    /// The chunk of inputs. Sums start with the bias and the residual in the first chunk, and with the target's content
    /// in later ones; the activation follows the last chunk.
    pub chunk: usize,
    /// The values under the windows, starting with the chunk's first input of the first window.
    pub x: &'a [f32],
    /// Location of the windows.
    pub windows: Windows,
    /// Added before the activation; has the layout of the target.
    pub residual: Option<&'a [f32]>,
    /// Destination of the results. Values between its pixels are left unchanged.
    pub target: Target<'a>,
    /// Weights to prefetch for the next run.
    pub ahead: &'a [f32],
}

impl Conv {
    /// Packs `kernel`, `[inputs][outputs]`, for `isa`.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(isa: Isa, kernel: &[f32], bias: &[f32], activation: impl Into<Activation>) -> Self {
        let inputs = kernel.len() / bias.len().max(1);
        Self::in_chunks(isa, kernel, bias, activation, &[inputs])
    }

    /// Packs like [`Conv::new`], with inputs in chunks that end at `ends`.
    ///
    /// # Panics
    /// When the lengths do not agree, or `ends` does not increase up to the number of inputs.
    pub fn in_chunks(
        isa: Isa,
        kernel: &[f32],
        bias: &[f32],
        activation: impl Into<Activation>,
        ends: &[usize],
    ) -> Self {
        let activation = activation.into();
        let outputs = bias.len();
        let agree = outputs > 0 && !kernel.is_empty() && kernel.len().is_multiple_of(outputs);
        assert!(agree, "kernel and bias do not agree");
        let inputs = kernel.len() / outputs;
        let chunks = chunks(ends, inputs);

        let lanes = isa.lanes();
        let widest = isa.run(tile::WidestPanel);
        let vectors = outputs.div_ceil(lanes);
        let count = vectors.div_ceil(widest);
        let mut panels: Vec<Panel> = Vec::with_capacity(count);
        let mut first = 0;
        for left in (1..=count).rev() {
            // Panels of nearly equal width.
            let own = (vectors - first).div_ceil(left);
            panels.push(Panel { first_output: first * lanes, vectors: own });
            first += own;
        }

        let padded = vectors * lanes;
        let weights = AlignedBuffer::new(inputs * padded);
        let own_bias = AlignedBuffer::new(padded);
        let mut own = Self { isa, outputs, panels, chunks, weights, bias: own_bias, activation };
        own.load(kernel, bias);
        own
    }

    /// Replaces the weights by others of the same shape.
    ///
    /// # Panics
    /// When the lengths differ.
    pub fn load(&mut self, kernel: &[f32], bias: &[f32]) {
        assert_eq!(bias.len(), self.outputs, "a bias for each output");
        assert_eq!(kernel.len(), self.inputs() * self.outputs, "a kernel of another shape");
        let mut to = 0;
        for chunk in &self.chunks {
            for panel in &self.panels {
                let width = panel.vectors * self.isa.lanes();
                let used = width.min(self.outputs - panel.first_output);
                for row in kernel.chunks_exact(self.outputs).take(chunk.end).skip(chunk.start) {
                    let row = &row[panel.first_output..][..used];
                    self.weights[to..][..used].copy_from_slice(row);
                    to += width;
                }
            }
        }
        self.bias[..self.outputs].copy_from_slice(bias);
    }

    /// Loads `kernel`, `[taps][outputs][inputs / taps]`, with each tap transposed and the taps in reverse order, without
    /// bias. It is the kernel of another convolution, so that this one computes the gradient of that one's inputs from
    /// the gradient of its outputs.
    ///
    /// # Panics
    /// When the length differs.
    pub fn load_transposed(&mut self, kernel: &[f32], taps: usize) {
        /// Inputs that are processed for all outputs of a panel at a time; the written block stays in L1.
        const BLOCK: usize = 16;
        let inputs = self.inputs();
        assert_eq!(kernel.len(), inputs * self.outputs, "a kernel of another shape");
        let of_tap = inputs / taps;
        let mut start = 0;
        for chunk in &self.chunks {
            for panel in &self.panels {
                let width = panel.vectors * self.isa.lanes();
                let used = width.min(self.outputs - panel.first_output);
                let mut input = chunk.start;
                while input < chunk.end {
                    let (tap, first) = (input / of_tap, input % of_tap);
                    let count = BLOCK.min(of_tap - first).min(chunk.end - input);
                    let to = &mut self.weights[start..][..count * width];
                    let from = &kernel[(taps - 1 - tap) * of_tap * self.outputs..];
                    for output in 0..used {
                        let row = (panel.first_output + output) * of_tap + first;
                        let from = &from[row..][..count];
                        for (to, &weight) in to[output..].iter_mut().step_by(width).zip(from) {
                            *to = weight;
                        }
                    }
                    (start, input) = (start + to.len(), input + count);
                }
            }
        }
        self.bias.fill(0.0);
    }

    /// Values per window.
    pub fn inputs(&self) -> usize {
        self.chunks.last().map_or(0, |chunk| chunk.end)
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of chunks of inputs.
    pub fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// The inputs of a chunk.
    pub fn chunk(&self, chunk: usize) -> Range<usize> {
        self.chunks[chunk].clone()
    }

    /// The activation after it.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Multiply-adds per pixel.
    pub fn multiply_adds(&self) -> usize {
        self.inputs() * self.outputs
    }

    /// Number of panels of output channels.
    pub fn panels(&self) -> usize {
        self.panels.len()
    }

    /// The output channels of a panel.
    pub fn panel(&self, panel: usize) -> Range<usize> {
        let first = self.panels[panel].first_output;
        let end = self.panels.get(panel + 1).map_or(self.outputs, |next| next.first_output);
        first..end
    }

    /// Values of the widest panel, including the padding of its last vector.
    pub fn panel_width(&self) -> usize {
        let vectors = self.panels.iter().map(|panel| panel.vectors).max().unwrap_or(0);
        vectors * self.isa.lanes()
    }

    /// The weights of a chunk of inputs for all panels, or, if there is only one chunk, of a range of panels: pass them
    /// as `ahead` of an earlier run.
    pub fn weights(&self, chunk: usize, panels: Range<usize>) -> &[f32] {
        let Some(last) = self.panels[panels.clone()].last() else { return &[] };
        let width = last.first_output + last.vectors * self.isa.lanes();
        let start = self.panels[panels.start].first_output;
        let chunk = &self.chunks[chunk];
        let at = chunk.start * self.bias.len();
        &self.weights[at + start * chunk.len()..at + width * chunk.len()]
    }

    /// Computes all outputs of the windows into `out`, `[height][width][outputs]`. `residual`, of
    /// the same shape, is added before the activation.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn apply(&self, x: &[f32], windows: Windows, residual: Option<&[f32]>, out: &mut [f32]) {
        self.run(Run {
            panels: 0..self.panels(),
            chunk: 0,
            x,
            windows,
            residual,
            target: Target::dense(out, windows.width, self.outputs),
            ahead: &[],
        });
    }

    /// Computes the panels for all windows.
    ///
    /// # Panics
    /// When a slice is too short, or there is no such panel or chunk.
    pub fn run(&self, run: Run<'_>) {
        let Run { panels, chunk, x, windows, residual, target, ahead } = run;
        let Windows { height, width, segments, .. } = windows;
        if height == 0 || width == 0 || panels.is_empty() {
            return;
        }
        let inputs = self.chunks[chunk].len();
        assert!(segments > 0 && inputs.is_multiple_of(segments), "windows of another shape");
        assert!(x.len() >= windows.reach(inputs), "x is too short");
        let first = self.panel(panels.start).start;
        let outputs = self.panel(panels.end - 1).end - first;
        let reach = target.reach((height, width), outputs);
        assert!(residual.is_none_or(|r| r.len() >= reach), "the residual is too short");
        // If rows are contiguous on both sides, the tiles treat them as one row.
        let even = width.checked_mul(target.pixel_stride) == Some(target.row_stride);
        let windows = windows.flattened().filter(|_| even).unwrap_or(windows);
        self.isa.run(tile::Job { op: self, panels, chunk, x, windows, residual, target, ahead });
    }
}
