//! The 1x1 convolution in reduced precision.
//!
//! `out[p][n] = clamp(bias[n] + sum_k x[p][k] * kernel[k][n] + residual[p][n])`
//!
//! In bf16, products of rounded values are summed in f32. In int8, each pixel has a grid of 256 values ([`Grid`]) and
//! each output channel one of 255, symmetric about zero; products of integers are summed exactly in i32, and a chunk's
//! sums are rounded to f32.
//!
//! The processor's instructions multiply the two bf16 or four bytes of a 32-bit *word*, so inputs and weights are packed
//! in words. Each instruction set ([`Reduced`]) has its own code to sum blocks of up to [`PIXELS`] by [`OUTPUTS`]; the
//! rest is shared.

mod convert;
mod finish;
#[cfg(not(target_arch = "x86_64"))]
mod none;
mod pack;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::conv::Target;
use crate::extent::extent;
use crate::prefetch::Prefetch;
use crate::{AlignedBuffer, Clamp};

pub use convert::{Convert, Grid, Pixels};
use finish::{Finish, Outputs};
#[cfg(not(target_arch = "x86_64"))]
pub use none::Reduced;
#[cfg(target_arch = "x86_64")]
pub use x86::Reduced;

/// Pixels per block.
pub const PIXELS: usize = 32;

/// Output channels per block; they form a panel.
pub const OUTPUTS: usize = 32;

/// The largest number of inputs whose products cannot overflow in any precision: sums of int8 are i32.
pub const MAX_INPUTS: usize = i32::MAX as usize / (255 * 127);

/// The precision of inputs and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// bfloat16.
    Bf16,
    /// 8-bit integers: inputs of 0..=255, weights of -127..=127.
    Int8,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 2] = [Self::Bf16, Self::Int8];

    /// `bf16` or `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Values per word.
    fn per_word(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }
}

/// Sums of a block, `[PIXELS][OUTPUTS]`, aligned to cache lines. Not initialised: zeros would be written more often than
/// sums are.
#[repr(align(64))]
struct Block([MaybeUninit<f32>; PIXELS * OUTPUTS]);

/// A 1x1 convolution with its weights in reduced precision.
#[derive(Clone, Debug)]
pub struct Conv {
    isa: Reduced,
    outputs: usize,
    /// Inputs of each chunk.
    chunks: Vec<Range<usize>>,
    /// Words, see `pack.rs`.
    weights: AlignedBuffer,
    /// Start of each chunk's weights.
    offsets: Vec<usize>,
    /// In int8, the scale of each output; otherwise empty.
    scales: AlignedBuffer,
    /// In int8, `[chunks][panels][OUTPUTS]` sums of an output's integer weights, negated; otherwise empty.
    totals: AlignedBuffer,
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
    /// The chunk's inputs, converted by [`Conv::convert`].
    pub x: Pixels<'a>,
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
    /// The instruction set it was packed for.
    pub fn isa(&self) -> Reduced {
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

    /// Words per pixel of a chunk's input, including padding.
    fn words(&self, chunk: usize) -> usize {
        let words = self.chunks[chunk].len().div_ceil(self.isa.precision().per_word());
        words.next_multiple_of(self.isa.step())
    }

    /// Values of the widest panel, including padding.
    pub fn panel_width(&self) -> usize {
        OUTPUTS
    }

    /// The output channels of a panel.
    pub fn panel(&self, panel: usize) -> Range<usize> {
        panel * OUTPUTS..((panel + 1) * OUTPUTS).min(self.outputs)
    }

    /// The weights of a chunk of inputs for a range of panels, a word in each value: pass them as `ahead` of an earlier
    /// run.
    pub fn weights(&self, chunk: usize, panels: Range<usize>) -> &[f32] {
        let panel = self.words(chunk) * OUTPUTS;
        &self.weights[self.offsets[chunk]..][panels.start * panel..panels.end * panel]
    }

    /// Computes the panels for all pixels.
    ///
    /// # Panics
    /// When a slice is too short, `x` was converted for another chunk or convolution, or there is no such panel or
    /// chunk.
    pub fn run(&self, run: Run<'_>) {
        let Run { panels, chunk, x, height, width, residual, mut target, ahead } = run;
        let pixels = height.checked_mul(width).expect("fewer pixels than any slice has");
        if pixels == 0 || panels.is_empty() {
            return;
        }
        assert!(panels.end <= self.panels(), "no such panel");
        let (words, int8) = (self.words(chunk), self.isa.precision() == Precision::Int8);
        assert_eq!(x.words_per_pixel, words, "pixels of another chunk");
        let needed = extent(&[(pixels.next_multiple_of(PIXELS), words)], words);
        assert!(x.words.len() >= needed, "x is too short");
        assert!(x.grids.len() >= if int8 { pixels } else { 0 }, "x is too short");
        let outputs = self.panel(panels.end - 1).end - panels.start * OUTPUTS;
        let reach = target.reach((height, width), outputs);
        assert!(residual.is_none_or(|r| r.len() >= reach), "the residual is too short");
        let size = self.isa.block(pixels);
        let mut prefetch = Prefetch::new(ahead, pixels.div_ceil(size) * panels.len());
        let session = self.isa.begin();
        let last = chunk + 1 == self.chunks.len();
        let residual = residual.filter(|_| last);
        let clamp = if last { self.clamp } else { Clamp::NONE };
        let mut finish = |panel: usize, start: usize, block: &Block| {
            let first = panel * OUTPUTS;
            let pixels = start..(start + size).min(pixels);
            self.isa.simd().run(Finish {
                block,
                grids: if int8 { &x.grids[pixels.clone()] } else { &[] },
                pixels,
                width,
                outputs: self.of_panel(chunk, panel),
                channel: first - panels.start * OUTPUTS,
                residual,
                clamp,
                target: &mut target,
            });
        };
        // A block is finished while the next one is summed.
        let mut blocks = [const { Block([MaybeUninit::uninit(); PIXELS * OUTPUTS]) }; 2];
        let (mut turn, mut before) = (0, None);
        for panel in panels.clone() {
            let weights = self.weights(chunk, panel..panel + 1);
            let outputs = self.panel(panel).len();
            for start in (0..pixels).step_by(size) {
                prefetch.fetch();
                let size = ((pixels - start).min(size), outputs);
                let x = &x.words[start * words..][..PIXELS * words];
                turn = 1 - turn;
                session.sum(x, words, size, weights, &mut blocks[turn]);
                if let Some((panel, start)) = before.replace((panel, start)) {
                    finish(panel, start, &blocks[1 - turn]);
                }
            }
        }
        if let Some((panel, start)) = before {
            finish(panel, start, &blocks[turn]);
        }
    }

    /// The properties of a panel's outputs.
    fn of_panel(&self, chunk: usize, panel: usize) -> Outputs<'_> {
        let first = panel * OUTPUTS;
        let total = chunk * self.bias.len() + first;
        // Scales and totals exist only in int8.
        Outputs {
            count: self.panel(panel).len(),
            bias: (chunk == 0).then(|| &self.bias[first..][..OUTPUTS]),
            scales: self.scales.get(first..first + OUTPUTS),
            totals: self.totals.get(total..total + OUTPUTS),
        }
    }
}
