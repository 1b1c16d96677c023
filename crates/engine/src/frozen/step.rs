//! One step of a plan.

use std::ops::Range;

use headstart_kernels::{AlignedBuffer, Clamp, Isa, elementwise, pool};
use headstart_model::{Margins, Scaling, Shape};

use super::block::{Block, Buffers};
use super::conv::{Conv, Source};

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
    /// Memory that only this step uses.
    pub(super) scratch: [Place; 3],
}

#[derive(Debug)]
pub(super) enum StepKind {
    Block(Box<Block>),
    Conv { conv: Conv, rows: usize },
    Affine { scale: Vec<f32>, bias: Vec<f32>, clamp: Clamp },
    Pad { margins: Margins, input: Shape },
    GlobalAverage,
    Softmax,
}

impl Step {
    pub(super) fn multiply_adds(&self) -> usize {
        match &self.kind {
            StepKind::Block(block) => block.multiply_adds(),
            StepKind::Conv { conv, .. } => conv.multiply_adds(),
            _ => 0,
        }
    }

    /// `picture` is read by a step that has no input in the arena.
    pub(super) fn run(
        &self,
        arena: &mut AlignedBuffer,
        isa: Isa,
        (picture, scaling): (&[u8], &Scaling),
    ) {
        // A residual is most often the input itself, which cannot be borrowed twice.
        let other = self.residual.clone().filter(|residual| *residual != self.input);
        let [a, b, c] = self.scratch.clone();
        let parts =
            [self.input.clone(), other.clone().unwrap_or(0..0), self.output.clone(), a, b, c];
        let [input, other_residual, out, first, second, third] =
            arena.get_disjoint_mut(parts).expect("the parts of a step do not overlap");
        let input: &[f32] = input;
        let residual = match (&self.residual, other) {
            (None, _) => None,
            (Some(_), None) => Some(input),
            (Some(_), Some(_)) => Some(&*other_residual),
        };
        let source = if input.is_empty() {
            Source::Picture(picture, scaling)
        } else {
            Source::Values(input)
        };
        match &self.kind {
            StepKind::Block(block) => block.run(Buffers {
                input: source,
                residual,
                out,
                expanded: first,
                filtered: second,
                patches: third,
            }),
            StepKind::Conv { conv, rows } => {
                let stride = out.len() / rows;
                conv.rows(source, 0..*rows, residual, (out, stride), first);
            }
            StepKind::Affine { scale, bias, clamp } => {
                elementwise::affine(input, scale, bias, residual, *clamp, out);
            }
            StepKind::Pad { margins, input: shape } => pad(input, *shape, *margins, out),
            StepKind::GlobalAverage => pool::global_average(isa, input, out),
            StepKind::Softmax => {
                out.copy_from_slice(input);
                let classes = out.len();
                elementwise::softmax(out, classes);
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
