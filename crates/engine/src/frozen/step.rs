//! One step of a plan.

use std::ops::Range;

use headstart_kernels::elementwise::Normalize;
use headstart_kernels::{Activation, Clamp, Isa, elementwise, layer_norm, pool};
use headstart_model::{Margins, Shape};

use super::Arena;
use super::block::Block;
use super::buffers::{Buffers, Source};
use super::conv::Conv;
use super::grouped::Grouped;
use super::program::Sides;
use super::share::{divide_positions, divide_rows};
use super::winograd::Winograd;

/// A range of the arena.
type Place = Range<usize>;

#[derive(Debug)]
pub(super) struct Step {
    /// The layers it computes.
    pub(super) name: String,
    pub(super) kind: StepKind,
    /// Empty for a step that reads the picture itself.
    pub(super) input: Place,
    /// The gate, or the map to concatenate to the input.
    pub(super) second: Option<Place>,
    pub(super) residual: Option<Place>,
    pub(super) output: Place,
}

#[derive(Debug)]
pub(super) enum StepKind {
    Block(Box<Block>),
    Conv(Conv),
    /// A convolution followed by the mean over its positions.
    PooledConv(Conv),
    Grouped(Grouped),
    Winograd(Winograd),
    Affine {
        scale: Vec<f32>,
        bias: Vec<f32>,
        activation: Activation,
    },
    LayerNorm {
        scale: Vec<f32>,
        bias: Vec<f32>,
        epsilon: f32,
    },
    MaxPool {
        sides: Sides,
        input: Shape,
        output: Shape,
    },
    Gate,
    /// The numbers of channels of both maps.
    Concat {
        channels: [usize; 2],
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
            StepKind::Grouped(grouped) => grouped.multiply_adds(),
            StepKind::Winograd(conv) => conv.multiply_adds(),
            _ => 0,
        }
    }

    /// f32 values of scratch for each of `threads` threads.
    pub(super) fn scratch(&self, threads: usize) -> usize {
        match &self.kind {
            StepKind::Block(block) => block.scratch(threads),
            StepKind::Conv(conv) => conv.whole_scratch(),
            StepKind::PooledConv(conv) => conv.pooled_scratch(),
            StepKind::Grouped(grouped) => grouped.scratch(),
            StepKind::Winograd(conv) => conv.scratch(),
            _ => 0,
        }
    }

    /// The weights it reads first.
    pub(super) fn first_weights(&self) -> &[f32] {
        match &self.kind {
            StepKind::Block(block) => block.first_weights(),
            StepKind::Conv(conv) | StepKind::PooledConv(conv) => conv.op.weights(0, 0..1),
            StepKind::Winograd(conv) => conv.first_weights(),
            _ => &[],
        }
    }

    /// Runs the step. `picture` is for a step without input in the arena; the weights `ahead` are prefetched.
    pub(super) fn run(
        &self,
        arena: &mut Arena,
        isa: Isa,
        (picture, normalize): (&[u8], &Normalize),
        ahead: &[f32],
    ) {
        let Arena { values, scratch } = arena;
        // A residual is usually the input itself, which cannot be borrowed twice; no step has both a residual and a
        // second input.
        let second = self.second.clone().or(self.residual.clone());
        let other = second.clone().filter(|second| *second != self.input);
        let parts = [self.input.clone(), other.clone().unwrap_or(0..0), self.output.clone()];
        let [input, other_values, out] =
            values.get_disjoint_mut(parts).expect("the parts of a step do not overlap");
        let input: &[f32] = input;
        let second: &[f32] = if second.is_some() && other.is_none() { input } else { other_values };
        let residual = self.residual.as_ref().map(|_| second);
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
            StepKind::Grouped(grouped) => grouped.run(input, buffers.out, buffers.scratch),
            StepKind::Winograd(conv) => conv.run(buffers),
            StepKind::Affine { scale, bias, activation } => {
                let channels = scale.len();
                let clamp = activation.clamp().unwrap_or(Clamp::NONE);
                let values = (residual, buffers.out);
                divide_positions(channels, values, buffers.scratch, &|values, (residual, out)| {
                    elementwise::affine(&input[values], scale, bias, residual, clamp, out);
                    if let Some(function) = activation.function() {
                        function.apply(isa, out);
                    }
                });
            }
            StepKind::LayerNorm { scale, bias, epsilon } => {
                let values = (None, buffers.out);
                divide_positions(scale.len(), values, buffers.scratch, &|values, (_, out)| {
                    layer_norm(isa, &input[values], (scale, bias), *epsilon, out);
                });
            }
            StepKind::MaxPool { sides, input: from, output } => {
                let ((rows, columns), channels) = (output.spatial(), output.channels());
                let values = (None, buffers.out);
                divide_rows(rows, values, buffers.scratch, &|rows, (_, out), _| {
                    let max = pool::MaxPool {
                        x: input,
                        size: from.spatial(),
                        channels,
                        window: (sides.kernel, sides.stride),
                        before: (sides.margins.top, sides.margins.left),
                        first: rows.start,
                        out,
                        columns,
                    };
                    max.run(isa);
                });
            }
            StepKind::Gate => {
                let values = (None, buffers.out);
                divide_positions(second.len(), values, buffers.scratch, &|values, (_, out)| {
                    elementwise::gate(isa, &input[values], second, out);
                });
            }
            StepKind::Concat { channels } => {
                let values = (None, buffers.out);
                let positions = input.len() / channels[0];
                divide_rows(positions, values, buffers.scratch, &|positions, (_, out), _| {
                    let part = |map, channels| part(map, &positions, channels);
                    let maps = [part(input, channels[0]), part(second, channels[1])];
                    concatenate(maps, *channels, out);
                });
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

/// A range of positions of a map.
fn part<'a>(map: &'a [f32], positions: &Range<usize>, channels: usize) -> &'a [f32] {
    &map[positions.start * channels..positions.end * channels]
}

/// Concatenates the channels of two maps.
fn concatenate([a, b]: [&[f32]; 2], channels: [usize; 2], out: &mut [f32]) {
    let pixels = a.chunks_exact(channels[0]).zip(b.chunks_exact(channels[1]));
    for ((a, b), out) in pixels.zip(out.chunks_exact_mut(channels[0] + channels[1])) {
        let (own, behind) = out.split_at_mut(channels[0]);
        own.copy_from_slice(a);
        behind.copy_from_slice(b);
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
