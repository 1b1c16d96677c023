//! A grouped convolution.

use headstart_kernels::conv::{self, Target, Windows};
use headstart_kernels::{Activation, AlignedBuffer, Isa};
use headstart_model::Shape;

use super::program::Sides;
use super::share::divide_rows;

/// One convolution for each group. The channels of a group are gathered, so that its windows are contiguous, and the
/// results go straight to their places in the output.
#[derive(Debug)]
pub(super) struct Grouped {
    groups: Vec<conv::Conv>,
    sides: Sides,
    input: Shape,
    output: Shape,
}

/// Output rows whose input is gathered at a time.
const ROWS: usize = 8;

impl Grouped {
    /// `kernel` is `[side][side][inputs of a group][outputs]`.
    pub(super) fn new(
        isa: Isa,
        (kernel, bias): (&[f32], &[f32]),
        groups: usize,
        activation: Activation,
        sides: Sides,
        (input, output): (Shape, Shape),
    ) -> Self {
        let outputs = bias.len();
        let own = outputs / groups;
        let conv = |group: usize| {
            let range = group * own..(group + 1) * own;
            let rows = kernel.chunks_exact(outputs).flat_map(|row| &row[range.clone()]);
            conv::Conv::new(
                isa,
                &rows.copied().collect::<Vec<f32>>(),
                &bias[range.clone()],
                activation,
            )
        };
        Self { groups: (0..groups).map(conv).collect(), sides, input, output }
    }

    pub(super) fn multiply_adds(&self) -> usize {
        let (height, width) = self.output.spatial();
        let of_pixel: usize = self.groups.iter().map(conv::Conv::multiply_adds).sum();
        height * width * of_pixel
    }

    /// Columns per padded row.
    fn columns(&self) -> usize {
        let margins = self.sides.margins;
        margins.left + self.input.spatial().1 + margins.right
    }

    /// f32 values of scratch per thread.
    pub(super) fn scratch(&self) -> usize {
        let rows = ROWS.min(self.output.spatial().0);
        self.sides.under(rows) * self.columns() * self.input.channels() / self.groups.len()
    }

    /// Computes the whole map.
    pub(super) fn run(&self, input: &[f32], out: &mut [f32], scratch: &mut [AlignedBuffer]) {
        let (height, width) = self.output.spatial();
        let channels = self.output.channels();
        let own = channels / self.groups.len();
        let inputs = self.input.channels() / self.groups.len();
        let Sides { kernel, stride, .. } = self.sides;
        divide_rows(height, (None, out), scratch, &|rows, (_, out), scratch| {
            for first in rows.clone().step_by(ROWS) {
                let count = ROWS.min(rows.end - first);
                let padded = &mut scratch[..self.sides.under(count) * self.columns() * inputs];
                let done = (first - rows.start) * width * channels;
                for (group, conv) in self.groups.iter().enumerate() {
                    self.gather(input, group * inputs..(group + 1) * inputs, first, padded);
                    let out = &mut out[done + group * own..];
                    conv.run(conv::Run {
                        panels: 0..conv.panels(),
                        chunk: 0,
                        x: padded,
                        windows: Windows::sliding(
                            (count, width),
                            (kernel, stride),
                            self.columns(),
                            inputs,
                        ),
                        residual: None,
                        target: Target {
                            values: out,
                            row_stride: width * channels,
                            pixel_stride: channels,
                            room: own,
                        },
                        ahead: &[],
                    });
                }
            }
        });
    }

    /// Gathers the channels of a group in the padded rows that output rows from `first` on read.
    fn gather(&self, input: &[f32], own: std::ops::Range<usize>, first: usize, padded: &mut [f32]) {
        let (height, width) = self.input.spatial();
        let channels = self.input.channels();
        let Sides { stride, margins, .. } = self.sides;
        for (index, to) in padded.chunks_exact_mut(self.columns() * own.len()).enumerate() {
            let y = (first * stride + index).wrapping_sub(margins.top);
            if y >= height {
                to.fill(0.0);
                continue;
            }
            let (left, right) = (margins.left * own.len(), (margins.left + width) * own.len());
            to[..left].fill(0.0);
            to[right..].fill(0.0);
            let from = input[y * width * channels..].chunks_exact(channels);
            for (from, to) in from.zip(to[left..right].chunks_exact_mut(own.len())) {
                to.copy_from_slice(&from[own.clone()]);
            }
        }
    }
}
