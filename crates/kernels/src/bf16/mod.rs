//! The 1x1 convolution in bfloat16: products of bf16 values, summed in f32.
//!
//! `out[p][n] = clamp(bias[n] + sum_k x[p][k] * kernel[k][n] + residual[p][n])`
//!
//! The processor's instructions multiply pairs of inputs, so weights are packed in pairs. Each instruction set
//! ([`Bf16`]) has its own code to sum blocks of [`PIXELS`] by [`OUTPUTS`]; the rest is shared.

#[cfg(not(target_arch = "x86_64"))]
mod none;
mod round;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use half::bf16;

use crate::chunks::chunks;
use crate::conv::Target;
use crate::extent::extent;
use crate::prefetch::Prefetch;
use crate::{AlignedBuffer, Clamp};

#[cfg(not(target_arch = "x86_64"))]
pub use none::Bf16;
pub use round::Round;
#[cfg(target_arch = "x86_64")]
pub use x86::Bf16;

/// Pixels per block.
pub const PIXELS: usize = 32;

/// Output channels per block; they form a panel.
pub const OUTPUTS: usize = 32;

/// Inputs multiplied at a time; a pixel's inputs are padded with zeros to a multiple of this.
pub const INPUTS: usize = 32;

/// Sums of a block, `[PIXELS][OUTPUTS]`, aligned to cache lines.
#[repr(align(64))]
struct Block([f32; PIXELS * OUTPUTS]);

/// A 1x1 convolution with its weights rounded to bf16.
#[derive(Clone, Debug)]
pub struct Conv {
    isa: Bf16,
    outputs: usize,
    /// Inputs of each chunk.
    chunks: Vec<Range<usize>>,
    /// Pairs of bf16, `[chunks][panels][steps][OUTPUTS / 16][INPUTS / 2][16]`: for each step, the pairs of inputs for
    /// the first 16 outputs, then for the others. Zero beyond the chunk's inputs and the outputs.
    weights: AlignedBuffer,
    /// Start of each chunk's weights.
    offsets: Vec<usize>,
    /// Zero beyond `outputs`.
    bias: AlignedBuffer,
    clamp: Clamp,
}

/// The arguments of [`Conv::run`].
#[derive(Debug)]
pub struct Run<'a> {
    /// Panels of output channels; the target starts at the first of these channels.
    pub panels: Range<usize>,
    /// The chunk of inputs. Sums start with the bias and the residual in the first chunk, and with the target's content
    /// in later ones; the last chunk clamps them.
    pub chunk: usize,
    /// Bits of bf16. Pixels are contiguous; each contains a chunk's inputs, padded with zeros to a multiple of
    /// [`INPUTS`]. The number of pixels must be a multiple of [`PIXELS`]; those added for that may have any values.
    pub x: &'a [u16],
    /// Rows of pixels.
    pub height: usize,
    /// Pixels per row.
    pub width: usize,
    /// Added before clamping; has the layout of the target.
    pub residual: Option<&'a [f32]>,
    /// Destination of the results. Values between its pixels are left unchanged.
    pub target: Target<'a>,
    /// Weights to prefetch for the next run.
    pub ahead: &'a [f32],
}

impl Conv {
    /// Rounds and packs `kernel`, `[inputs][outputs]`, with inputs in chunks that end at `ends`.
    ///
    /// # Panics
    /// When the lengths do not agree, or `ends` does not increase up to the number of inputs.
    pub fn new(isa: Bf16, kernel: &[f32], bias: &[f32], clamp: Clamp, ends: &[usize]) -> Self {
        let outputs = bias.len();
        let agree = outputs > 0 && !kernel.is_empty() && kernel.len().is_multiple_of(outputs);
        assert!(agree, "kernel and bias do not agree");
        let chunks = chunks(ends, kernel.len() / outputs);

        let padded = outputs.next_multiple_of(OUTPUTS);
        let mut offsets = Vec::with_capacity(chunks.len());
        let mut pairs = 0;
        for chunk in &chunks {
            offsets.push(pairs);
            pairs += padded * chunk.len().next_multiple_of(INPUTS) / 2;
        }
        let mut weights = AlignedBuffer::new(pairs);
        let packed: &mut [u16] = bytemuck::cast_slice_mut(&mut weights);
        for (chunk, offset) in chunks.iter().zip(&offsets) {
            let steps = chunk.len().div_ceil(INPUTS);
            for (input, row) in
                kernel.chunks_exact(outputs).take(chunk.end).skip(chunk.start).enumerate()
            {
                let (step, pair, odd) = (input / INPUTS, input % INPUTS / 2, input % 2);
                for (output, weight) in row.iter().enumerate() {
                    let (panel, half, lane) =
                        (output / OUTPUTS, output % OUTPUTS / LANES, output % LANES);
                    let block = (panel * steps + step) * (OUTPUTS / LANES) + half;
                    let at = (offset + (block * (INPUTS / 2) + pair) * LANES + lane) * 2 + odd;
                    packed[at] = bf16::from_f32(*weight).to_bits();
                }
            }
        }
        let mut padded_bias = AlignedBuffer::new(padded);
        padded_bias[..outputs].copy_from_slice(bias);
        Self { isa, outputs, chunks, weights, offsets, bias: padded_bias, clamp }
    }

    /// The instruction set it was packed for.
    pub fn isa(&self) -> Bf16 {
        self.isa
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The range that results are clamped to.
    pub fn clamp(&self) -> Clamp {
        self.clamp
    }

    /// Multiply-adds per pixel.
    pub fn multiply_adds(&self) -> usize {
        self.chunks.last().map_or(0, |chunk| chunk.end) * self.outputs
    }

    /// Panels of output channels.
    pub fn panels(&self) -> usize {
        self.bias.len() / OUTPUTS
    }

    /// Values per pixel of a chunk's input, including padding.
    pub fn pixel(&self, chunk: usize) -> usize {
        self.chunks[chunk].len().next_multiple_of(INPUTS)
    }

    /// Values of the widest panel, including padding.
    pub fn panel_width(&self) -> usize {
        OUTPUTS
    }

    /// The output channels of a panel.
    pub fn panel(&self, panel: usize) -> Range<usize> {
        panel * OUTPUTS..((panel + 1) * OUTPUTS).min(self.outputs)
    }

    /// The weights of a chunk of inputs for a range of panels, two bf16 in each value: pass them as `ahead` of an
    /// earlier run.
    pub fn weights(&self, chunk: usize, panels: Range<usize>) -> &[f32] {
        let panel = self.pixel(chunk) / 2 * OUTPUTS;
        &self.weights[self.offsets[chunk]..][panels.start * panel..panels.end * panel]
    }

    /// Computes the panels for all pixels.
    ///
    /// # Panics
    /// When a slice is too short, or there is no such panel or chunk.
    pub fn run(&self, run: Run<'_>) {
        let Run { panels, chunk, x, height, width, residual, mut target, ahead } = run;
        let pixels = height.checked_mul(width).expect("fewer pixels than any slice has");
        if pixels == 0 || panels.is_empty() {
            return;
        }
        assert!(panels.end <= self.panels(), "no such panel");
        let pixel = self.pixel(chunk);
        let needed = extent(&[(pixels.next_multiple_of(PIXELS), pixel)], pixel);
        assert!(x.len() >= needed, "x is too short");
        let outputs = self.panel(panels.end - 1).end - panels.start * OUTPUTS;
        let reach = target.reach((height, width), outputs);
        assert!(residual.is_none_or(|r| r.len() >= reach), "the residual is too short");
        let mut prefetch = Prefetch::new(ahead);
        let lines = prefetch.lines().div_ceil(pixels.div_ceil(PIXELS) * panels.len());
        let session = self.isa.begin();
        let mut finish = |panel: usize, start: usize, block: &Block| {
            let first = panel * OUTPUTS;
            session.finish(Finish {
                block,
                pixels: start..(start + PIXELS).min(pixels),
                width,
                outputs: (self.outputs - first).min(OUTPUTS),
                channel: first - panels.start * OUTPUTS,
                bias: (chunk == 0).then(|| &self.bias[first..][..OUTPUTS]),
                last: chunk + 1 == self.chunks.len(),
                residual,
                clamp: self.clamp,
                target: &mut target,
            });
        };
        // A block is finished while the next one is summed.
        let mut blocks = [Block([0.0; PIXELS * OUTPUTS]), Block([0.0; PIXELS * OUTPUTS])];
        let (mut turn, mut before) = (0, None);
        for panel in panels.clone() {
            let weights = self.weights(chunk, panel..panel + 1);
            for start in (0..pixels).step_by(PIXELS) {
                for _ in 0..lines {
                    prefetch.fetch();
                }
                let count = (pixels - start).min(PIXELS);
                let x = &x[start * pixel..][..PIXELS * pixel];
                turn = 1 - turn;
                session.sum(x, pixel, count, weights, &mut blocks[turn]);
                if let Some((panel, start)) = before.replace((panel, start)) {
                    finish(panel, start, &blocks[1 - turn]);
                }
            }
        }
        if let Some((panel, start)) = before {
            finish(panel, start, &blocks[turn]);
        }
    }
}

/// The sums of a block and the data that turns them into results.
struct Finish<'f, 'a> {
    block: &'f Block,
    /// The pixels of the block.
    pixels: Range<usize>,
    /// Pixels per row of the target.
    width: usize,
    /// Output channels of the block, and the offset of the first within a pixel of the target.
    outputs: usize,
    channel: usize,
    /// Initial value of the sums; the target's content when `None`.
    bias: Option<&'f [f32]>,
    /// Whether the sums are complete.
    last: bool,
    residual: Option<&'a [f32]>,
    clamp: Clamp,
    target: &'f mut Target<'a>,
}

/// Lanes per vector of f32 sums.
const LANES: usize = 16;
