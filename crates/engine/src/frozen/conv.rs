//! A convolution computed in whole output rows.

use std::ops::Range;

use headstart_kernels::conv::{Conv as Kernel, Windows};
use headstart_kernels::{Clamp, Isa, elementwise};
use headstart_model::{Scaling, Shape};

use super::lower::Sides;

#[derive(Debug)]
pub(super) struct Conv {
    op: Kernel,
    isa: Isa,
    /// `None` for a 1x1 convolution, whose input rows are used as they lie.
    sides: Option<Sides>,
    input: Shape,
    output: Shape,
}

/// The whole map that a convolution reads.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Values(&'a [f32]),
    /// A picture and how it is normalised; only for convolutions that pad.
    Picture(&'a [u8], &'a Scaling),
}

/// Output rows whose input is padded at a time.
const ROWS: usize = 8;

impl Conv {
    pub(super) fn new(
        isa: Isa,
        (kernel, bias, clamp): (&[f32], &[f32], Clamp),
        sides: Sides,
        input: Shape,
        output: Shape,
    ) -> Self {
        let sides = (!sides.is_pointwise()).then_some(sides);
        Self { op: Kernel::new(isa, kernel, bias, clamp), isa, sides, input, output }
    }

    /// f32 values of scratch that [`Conv::rows`] needs: padded input rows.
    pub(super) fn scratch(&self) -> usize {
        let rows = ROWS.min(self.output.spatial().0);
        self.sides.map_or(0, |sides| sides.under(rows) * self.padded_row(sides))
    }

    fn padded_row(&self, sides: Sides) -> usize {
        let (_, width) = self.input.spatial();
        (sides.margins.left + width + sides.margins.right) * self.input.channels()
    }

    pub(super) fn multiply_adds(&self) -> usize {
        let (height, width) = self.output.spatial();
        height * width * self.op.multiply_adds()
    }

    /// Computes output rows `range` of the whole map `source` into `out`, `stride` values apart.
    /// `residual` holds the same rows, without gaps.
    pub(super) fn rows(
        &self,
        source: Source<'_>,
        range: Range<usize>,
        residual: Option<&[f32]>,
        (out, stride): (&mut [f32], usize),
        scratch: &mut [f32],
    ) {
        let channels = self.input.channels();
        let (_, width) = self.output.spatial();
        let Some(sides) = self.sides else {
            let Source::Values(values) = source else {
                unreachable!("pictures are read by convolutions that pad")
            };
            let row = self.input.spatial().1 * channels;
            let windows = Windows::pixels(range.len(), width, channels);
            let x = &values[range.start * row..range.end * row];
            return self.op.run(x, windows, residual, out, stride);
        };
        let padded_row = self.padded_row(sides);
        let row = width * self.output.channels();
        for first in range.clone().step_by(ROWS) {
            let last = (first + ROWS).min(range.end);
            let height = last - first;
            let padded = &mut scratch[..sides.under(height) * padded_row];
            self.pad(source, sides, first * sides.stride, padded);
            let shape = (sides.kernel, sides.stride);
            let windows = Windows::sliding((height, width), shape, padded_row / channels, channels);
            let done = first - range.start;
            let residual = residual.map(|r| &r[done * row..][..height * row]);
            self.op.run(padded, windows, residual, &mut out[done * stride..], stride);
        }
    }

    /// Writes the rows of the padded map from `first` on to `out`.
    fn pad(&self, source: Source<'_>, sides: Sides, first: usize, out: &mut [f32]) {
        let (height, width) = self.input.spatial();
        let channels = self.input.channels();
        let (left, row) = (sides.margins.left * channels, width * channels);
        for (index, out) in out.chunks_exact_mut(self.padded_row(sides)).enumerate() {
            let y = (first + index).wrapping_sub(sides.margins.top);
            if y >= height {
                out.fill(0.0);
                continue;
            }
            out[..left].fill(0.0);
            out[left + row..].fill(0.0);
            let out = &mut out[left..left + row];
            match source {
                Source::Values(values) => out.copy_from_slice(&values[y * row..][..row]),
                Source::Picture(pixels, &Scaling { scale, offset }) => {
                    elementwise::normalize(self.isa, &pixels[y * row..][..row], scale, offset, out);
                }
            }
        }
    }
}
