//! Compilation of a frozen network, whose weights no longer change, to a [`Plan`].
//!
//! `lower` turns layers into the operations of a `program`: it folds BatchNormalization into the convolution before it
//! and fuses activations and residual sums; `schedule` groups the operations into steps and places every intermediate
//! value in the arena.

mod block;
mod buffers;
mod compute;
mod conv;
mod grouped;
mod lower;
mod padded;
mod product;
mod program;
mod schedule;
mod share;
mod step;
mod whole;
mod winograd;

use headstart_kernels::elementwise::Normalize;
use headstart_kernels::{AlignedBuffer, Isa};
use headstart_model::{LayerId, Network, Preprocessing, Shape, Weights};

pub use compute::Compute;
pub use headstart_kernels::reduced::{Precision, Reduced};
pub use headstart_kernels::{Activation, Clamp, Function};
pub use program::{Op, OpId, OpKind, Program, Sides};

use step::Step;

/// How to compile a network.
#[derive(Clone, Debug)]
pub struct FrozenConfig {
    /// The layer whose output is computed; the last one when `None`.
    pub output: Option<LayerId>,
    /// Whether the output is averaged over its positions to a feature vector.
    pub pooled: bool,
    /// Instruction sets and precision.
    pub compute: Compute,
    /// Bytes of cache that a band of a block may fill.
    pub band_bytes: usize,
}

impl Default for FrozenConfig {
    fn default() -> Self {
        Self { output: None, pooled: false, compute: Compute::default(), band_bytes: 64 << 10 }
    }
}

/// A network compiled for inference on one instruction set.
///
/// It is immutable and shared between threads; each thread needs its own [`Arena`].
#[derive(Debug)]
pub struct Plan {
    preprocessing: Preprocessing,
    normalize: Normalize,
    steps: Vec<Step>,
    /// The arena's range for the normalised picture; empty if the first step normalises it.
    input: std::ops::Range<usize>,
    /// The arena's range for the result.
    output: std::ops::Range<usize>,
    output_shape: Shape,
    arena: usize,
    isa: Isa,
}

/// The working memory for a picture: every intermediate value has its place, so running allocates nothing.
#[derive(Debug)]
pub struct Arena {
    values: AlignedBuffer,
    /// Scratch for each thread that shares the picture.
    scratch: Vec<AlignedBuffer>,
}

impl Plan {
    /// Compiles `network` up to the layer that `config` specifies.
    ///
    /// # Panics
    /// When `weights` do not belong to the network, or it has no layer of that index.
    pub fn compile(network: &Network, weights: &Weights, config: &FrozenConfig) -> Self {
        let output = config.output.unwrap_or(network.layers().len() - 1);
        let program = lower::lower(network, weights, output, config.pooled);
        schedule::schedule(program, network.preprocessing().clone(), config)
    }

    /// Compiles operations for pictures with this preprocessing; `config.output` is ignored, since the last operation
    /// is the output.
    pub fn of_program(
        program: Program,
        preprocessing: Preprocessing,
        config: &FrozenConfig,
    ) -> Self {
        schedule::schedule(program, preprocessing, config)
    }

    /// The shape of the output of [`Plan::run`] for one picture.
    pub fn output_shape(&self) -> Shape {
        self.output_shape
    }

    /// The preprocessing of pictures: [`Plan::run`] applies its scaling and assumes its size.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Multiply-adds of the convolutions and dense layers per picture.
    pub fn multiply_adds(&self) -> usize {
        self.steps.iter().map(Step::multiply_adds).sum()
    }

    /// Bytes of an arena for one thread.
    pub fn arena_bytes(&self) -> usize {
        (self.arena + self.scratch(1)) * size_of::<f32>()
    }

    /// Allocates memory for one thread to run the plan.
    pub fn arena(&self) -> Arena {
        self.shared_arena(1)
    }

    /// Allocates memory for `threads` threads of a rayon pool to share each picture: [`Plan::run`], called in the pool,
    /// then divides the rows or channels of every step among them.
    ///
    /// # Panics
    /// When `threads` is 0.
    pub fn shared_arena(&self, threads: usize) -> Arena {
        assert!(threads > 0, "a thread at least");
        let scratch = || AlignedBuffer::new(self.scratch(threads));
        Arena {
            values: AlignedBuffer::new(self.arena),
            scratch: std::iter::repeat_with(scratch).take(threads).collect(),
        }
    }

    /// f32 values of scratch for each of `threads` threads.
    fn scratch(&self, threads: usize) -> usize {
        self.steps.iter().map(|step| step.scratch(threads)).max().unwrap_or(0)
    }

    /// The fused steps: the names of their layers, and their multiply-adds per picture.
    pub fn steps(&self) -> impl Iterator<Item = (&str, usize)> {
        self.steps.iter().map(|step| (step.name.as_str(), step.multiply_adds()))
    }

    /// Runs like [`Plan::run`], and calls `after` with the index of each completed step, for timing.
    ///
    /// # Panics
    /// As for [`Plan::run`].
    pub fn run_stepwise(
        &self,
        arena: &mut Arena,
        pixels: &[u8],
        out: &mut [f32],
        after: &mut dyn FnMut(usize),
    ) {
        self.begin(arena, pixels);
        for index in 0..self.steps.len() {
            self.step(index, arena, pixels);
            after(index);
        }
        out.copy_from_slice(&arena.values[self.output.clone()]);
    }

    /// Computes one picture, u8 RGB `[height][width][3]`, into `out`.
    ///
    /// # Panics
    /// When `pixels` or `out` do not have the plan's length, or `arena` belongs to another plan.
    pub fn run(&self, arena: &mut Arena, pixels: &[u8], out: &mut [f32]) {
        self.begin(arena, pixels);
        share::keep_awake(arena.scratch.len(), || {
            for index in 0..self.steps.len() {
                self.step(index, arena, pixels);
            }
        });
        out.copy_from_slice(&arena.values[self.output.clone()]);
    }

    fn step(&self, index: usize, arena: &mut Arena, pixels: &[u8]) {
        // After the last step comes the first step of the next picture.
        let next = &self.steps[(index + 1) % self.steps.len()];
        self.steps[index].run(arena, self.isa, (pixels, &self.normalize), next.first_weights());
    }

    /// Checks the arguments of [`Plan::run`], and writes the normalised picture to the input of the first step.
    fn begin(&self, arena: &mut Arena, pixels: &[u8]) {
        assert_eq!(arena.values.len(), self.arena, "the arena is another plan's");
        let Preprocessing { height, width, .. } = &self.preprocessing;
        assert_eq!(pixels.len(), height * width * 3, "a picture of another size");
        if !self.input.is_empty() {
            let input = &mut arena.values[self.input.clone()];
            self.normalize.run(pixels, input);
        }
    }
}
