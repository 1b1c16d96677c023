//! Freezing is compilation: a network whose weights no longer change becomes a [`Plan`].
//!
//! `lower` folds BatchNormalization into the convolution before it and fuses activations and
//! residual sums; `schedule` groups the operations into steps and gives every intermediate
//! value a place in the arena.

mod block;
mod conv;
mod lower;
mod memory;
mod schedule;
mod step;

use std::time::Instant;

use headstart_kernels::{AlignedBuffer, Isa, elementwise};
use headstart_model::{LayerId, Network, Preprocessing, Shape, Weights};

pub use headstart_kernels::peak;

use step::Step;

/// How to compile a network.
#[derive(Clone, Debug)]
pub struct FrozenConfig {
    /// The layer whose output is wanted; the last one when `None`.
    pub output: Option<LayerId>,
    /// Whether the output is averaged over its positions to a vector of features.
    pub pooled: bool,
    /// The instruction set to run on.
    pub isa: Isa,
    /// Bytes of cache that the band of a block may fill.
    pub band_bytes: usize,
}

impl Default for FrozenConfig {
    fn default() -> Self {
        Self { output: None, pooled: false, isa: Isa::best(), band_bytes: 256 << 10 }
    }
}

/// A network compiled for inference on one instruction set.
///
/// It is immutable and shared between threads; each thread brings an [`Arena`].
#[derive(Debug)]
pub struct Plan {
    preprocessing: Preprocessing,
    steps: Vec<Step>,
    /// The arena's part for the normalised picture; empty where a step normalises it itself.
    input: std::ops::Range<usize>,
    /// The arena's part for the result.
    output: std::ops::Range<usize>,
    output_shape: Shape,
    arena: usize,
    isa: Isa,
}

/// The memory that one thread runs a plan in: every intermediate value has its place, so running
/// allocates nothing.
#[derive(Debug)]
pub struct Arena(AlignedBuffer);

impl Plan {
    /// Compiles `network` up to the layer that `config` asks for.
    ///
    /// # Panics
    /// When `weights` are not the network's, or it has no layer of the index asked for.
    pub fn compile(network: &Network, weights: &Weights, config: &FrozenConfig) -> Self {
        let output = config.output.unwrap_or(network.layers().len() - 1);
        let program = lower::lower(network, weights, output, config.pooled);
        schedule::schedule(program, network.preprocessing().clone(), config)
    }

    /// The shape of what [`Plan::run`] computes for one picture.
    pub fn output_shape(&self) -> Shape {
        self.output_shape
    }

    /// What a picture must have gone through: [`Plan::run`] takes its size for granted and applies
    /// its scaling.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The instruction set that the plan was compiled for.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Multiply-adds of the convolutions and dense layers for one picture.
    pub fn multiply_adds(&self) -> usize {
        self.steps.iter().map(Step::multiply_adds).sum()
    }

    /// Bytes of an arena.
    pub fn arena_bytes(&self) -> usize {
        self.arena * size_of::<f32>()
    }

    /// Memory for one thread to run the plan in.
    pub fn arena(&self) -> Arena {
        Arena(AlignedBuffer::new(self.arena))
    }

    /// The fused steps: the layers that each computes, and its multiply-adds for one picture.
    pub fn steps(&self) -> impl Iterator<Item = (&str, usize)> {
        self.steps.iter().map(|step| (step.name.as_str(), step.multiply_adds()))
    }

    /// [`Plan::run`], which also adds the seconds that each step took to `seconds`.
    ///
    /// # Panics
    /// As [`Plan::run`], and when `seconds` is not as long as the plan.
    pub fn run_timed(
        &self,
        arena: &mut Arena,
        pixels: &[u8],
        out: &mut [f32],
        seconds: &mut [f64],
    ) {
        assert_eq!(seconds.len(), self.steps.len(), "a time for each step");
        self.begin(arena, pixels);
        for (step, seconds) in self.steps.iter().zip(seconds) {
            let start = Instant::now();
            step.run(&mut arena.0, self.isa, (pixels, &self.preprocessing.scaling));
            *seconds += start.elapsed().as_secs_f64();
        }
        out.copy_from_slice(&arena.0[self.output.clone()]);
    }

    /// Computes one picture, u8 RGB `[height][width][3]`, into `out`.
    ///
    /// # Panics
    /// When `pixels` or `out` have not the plan's length, or `arena` is another plan's.
    pub fn run(&self, arena: &mut Arena, pixels: &[u8], out: &mut [f32]) {
        self.begin(arena, pixels);
        for step in &self.steps {
            step.run(&mut arena.0, self.isa, (pixels, &self.preprocessing.scaling));
        }
        out.copy_from_slice(&arena.0[self.output.clone()]);
    }

    /// Checks what [`Plan::run`] is given, and writes the normalised picture to where the first
    /// step reads it.
    fn begin(&self, arena: &mut Arena, pixels: &[u8]) {
        assert_eq!(arena.0.len(), self.arena, "the arena is another plan's");
        let Preprocessing { height, width, scaling, .. } = &self.preprocessing;
        assert_eq!(pixels.len(), height * width * 3, "a picture of another size");
        if !self.input.is_empty() {
            let input = &mut arena.0[self.input.clone()];
            elementwise::normalize(self.isa, pixels, scaling.scale, scaling.offset, input);
        }
    }
}
