//! One step of a plan.

use std::ops::Range;

use headstart_kernels::elementwise::Normalize;
use headstart_kernels::{Clamp, Isa, elementwise, pool};
use headstart_model::{Margins, Shape};

use super::Arena;
use super::block::Block;
use super::buffers::{Buffers, Source};
use super::conv::Conv;

/// Parts of the arena.
type Place = Range<usize>;

#[derive(Debug)]
pub(super) struct Step {
    /// The layers that it computes.
    pub(super) name: String,
    pub(super) kind: StepKind,
    /// Empty for the step that reads the picture itself.
    pub(super) input: Place,
    pub(super) residual: Option<Place>,
    pub(super) output: Place,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Block(Box<Block>),
    Conv(Conv),
    /// A convolution and the mean over the positions of what it computes.
    PooledConv(Conv),
    Affine {
        scale: Vec<f32>,
        bias: Vec<f32>,
        clamp: Clamp,
    },
    Pad {
        margins: Margins,
        input: Shape,
    },
    GlobalAverage,
    Softmax,
}

impl Step {
    pub(super) fn multiply_adds(&self) -> usize {
        match &self.kind {
            StepKind::Block(block) => block.multiply_adds(),
            StepKind::Conv(conv) | StepKind::PooledConv(conv) => conv.multiply_adds(),
            _ => 0,
        }
    }

    /// f32 values of scratch that a thread needs, of `threads`.
    pub(super) fn scratch(&self, threads: usize) -> usize {
        match &self.kind {
            StepKind::Block(block) => block.scratch(threads),
            StepKind::Conv(conv) => conv.whole_scratch(),
            StepKind::PooledConv(conv) => conv.pooled_scratch(),
            _ => 0,
        }
    }

    /// The weights that it begins with.
    pub(super) fn first_weights(&self) -> &[f32] {
        match &self.kind {
            StepKind::Block(block) => block.first_weights(),
            StepKind::Conv(conv) | StepKind::PooledConv(conv) => conv.op.weights(0, 0..1),
            _ => &[],
        }
    }

    /// `picture` is read by a step that has no input in the arena. The weights `ahead` are needed
    /// next.
    pub(super) fn run(
        &self,
        arena: &mut Arena,
        isa: Isa,
        (picture, normalize): (&[u8], &Normalize),
        ahead: &[f32],
    ) {
        let Arena { values, scratch } = arena;
        // A residual is most often the input itself, which cannot be borrowed twice.
        let other = self.residual.clone().filter(|residual| *residual != self.input);
        let parts = [self.input.clone(), other.clone().unwrap_or(0..0), self.output.clone()];
        let [input, other_residual, out] =
            values.get_disjoint_mut(parts).expect("the parts of a step do not overlap");
        let input: &[f32] = input;
        let residual = match (&self.residual, other) {
            (None, _) => None,
            (Some(_), None) => Some(input),
            (Some(_), Some(_)) => Some(&*other_residual),
        };
        let source = if input.is_empty() {
            Source::Picture(picture, normalize)
        } else {
            Source::Values(input)
        };
        let buffers = Buffers { input: source, residual, out, scratch, ahead };
        match &self.kind {
            StepKind::Block(block) => block.run(buffers),
            StepKind::Conv(conv) => conv.run(buffers),
            StepKind::PooledConv(conv) => conv.run_pooled(isa, buffers),
            StepKind::Affine { scale, bias, clamp } => {
                elementwise::affine(input, scale, bias, residual, *clamp, buffers.out);
            }
            StepKind::Pad { margins, input: shape } => pad(input, *shape, *margins, buffers.out),
            StepKind::GlobalAverage => pool::global_average(isa, input, buffers.out),
            StepKind::Softmax => {
                buffers.out.copy_from_slice(input);
                let classes = input.len();
                elementwise::softmax(buffers.out, classes);
            }
        }
    }
}

fn pad(input: &[f32], shape: Shape, margins: Margins, out: &mut [f32]) {
    let (_, width) = shape.spatial();
    let channels = shape.channels();
    let row = width * channels;
    let padded = row + (margins.left + margins.right) * channels;
    out.fill(0.0);
    let rows = out.chunks_exact_mut(padded).skip(margins.top);
    for (from, to) in input.chunks_exact(row).zip(rows) {
        to[margins.left * channels..][..row].copy_from_slice(from);
    }
}
