//! A convolution computed in whole output rows.

use std::ops::Range;

use headstart_kernels::conv::{Conv as Kernel, Run, Target, Windows};
use headstart_kernels::elementwise::Normalize;
use headstart_kernels::{AlignedBuffer, Isa, pool};
use headstart_model::Shape;

use super::lower::Sides;
use super::share::{carve, divide, divide_rows, padded};
use super::step::Buffers;

#[derive(Debug)]
pub(super) struct Conv {
    pub(super) op: Kernel,
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
    Picture(&'a [u8], &'a Normalize),
}

/// Some rows and channels of a convolution's output.
pub(super) struct Rows<'a> {
    pub(super) source: Source<'a>,
    /// Output rows.
    pub(super) range: Range<usize>,
    pub(super) panels: Range<usize>,
    /// Laid out as the target is.
    pub(super) residual: Option<&'a [f32]>,
    pub(super) target: Target<'a>,
    /// As long as [`Conv::scratch`] says.
    pub(super) scratch: &'a mut [f32],
    /// Weights that are needed next.
    pub(super) ahead: &'a [f32],
}

/// Output rows whose input is padded at a time.
const ROWS: usize = 8;

impl Conv {
    pub(super) fn new(op: Kernel, sides: Sides, (input, output): (Shape, Shape)) -> Self {
        let sides = (!sides.is_pointwise()).then_some(sides);
        Self { op, sides, input, output }
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

    /// f32 values of scratch that a thread needs for [`Conv::run_pooled`].
    pub(super) fn pooled_scratch(&self) -> usize {
        padded(self.pixels() * self.op.panel_width()) + self.scratch()
    }

    fn pixels(&self) -> usize {
        let (height, width) = self.output.spatial();
        height * width
    }

    /// Computes the whole map.
    pub(super) fn run(&self, buffers: Buffers<'_>) {
        let Buffers { input: source, residual, out, scratch, ahead } = buffers;
        let channels = self.op.outputs();
        let (height, width) = self.output.spatial();
        let row_stride = width * channels;
        if self.pixels() == 1 && residual.is_none() {
            self.divide_panels(out, scratch, &|panel, out, scratch| {
                let target = Target { values: out, row_stride: 0, pixel_stride: 0 };
                let ahead = self.next(panel, ahead);
                let panels = panel..panel + 1;
                let range = 0..1;
                self.rows(Rows { source, range, panels, residual, target, scratch, ahead });
            });
            return;
        }
        divide_rows(height, (residual, out), scratch, &|range, (residual, out), scratch| {
            for panel in 0..self.op.panels() {
                let channel = self.op.panel(panel).start;
                self.rows(Rows {
                    source,
                    range: range.clone(),
                    panels: panel..panel + 1,
                    residual: residual.map(|r| &r[channel..]),
                    target: Target {
                        values: &mut out[channel..],
                        row_stride,
                        pixel_stride: channels,
                    },
                    scratch: &mut *scratch,
                    ahead: self.next(panel, ahead),
                });
            }
        });
    }

    /// Computes the mean of the map over its positions; the map itself never exists as a whole.
    pub(super) fn run_pooled(&self, isa: Isa, buffers: Buffers<'_>) {
        let Buffers { input: source, out, scratch, ahead, .. } = buffers;
        let (height, width) = self.output.spatial();
        self.divide_panels(out, scratch, &|panel, out, mut scratch| {
            let channels = out.len();
            let map = carve(&mut scratch, self.pixels() * channels);
            self.rows(Rows {
                source,
                range: 0..height,
                panels: panel..panel + 1,
                residual: None,
                target: Target {
                    values: &mut *map,
                    row_stride: width * channels,
                    pixel_stride: channels,
                },
                scratch,
                ahead: self.next(panel, ahead),
            });
            pool::global_average(isa, map, out);
        });
    }

    /// Calls `run` with each panel and its values in `out`, a vector.
    fn divide_panels(
        &self,
        out: &mut [f32],
        scratch: &mut [AlignedBuffer],
        run: &(impl Fn(usize, &mut [f32], &mut [f32]) + Sync),
    ) {
        // Panels are of one width but for the last ones: what comes before a cut is told by the
        // first channel after it.
        let channel = |panel: usize| match panel {
            panel if panel < self.op.panels() => self.op.panel(panel).start,
            _ => self.op.outputs(),
        };
        let split = |(first, out): (usize, _), panels: usize| {
            let out: &mut [f32] = out;
            let cut = first + panels;
            let (out, rest) = out.split_at_mut(channel(cut) - channel(first));
            ((first, out), (cut, rest))
        };
        divide(0..self.op.panels(), (0, out), scratch, &split, &|panels, (_, mut out), scratch| {
            for panel in panels {
                let (own, rest) = std::mem::take(&mut out).split_at_mut(self.op.panel(panel).len());
                run(panel, own, scratch);
                out = rest;
            }
        });
    }

    /// The weights that are needed after those of a panel.
    fn next<'a>(&'a self, panel: usize, ahead: &'a [f32]) -> &'a [f32] {
        let next = panel + 1;
        if next < self.op.panels() { self.op.weights(0, next..next + 1) } else { ahead }
    }

    /// Computes some rows and panels.
    pub(super) fn rows(&self, rows: Rows<'_>) {
        let Rows { source, range, panels, residual, target, scratch, ahead } = rows;
        let channels = self.input.channels();
        let (_, width) = self.output.spatial();
        let Some(sides) = self.sides else {
            let Source::Values(values) = source else {
                unreachable!("pictures are read by convolutions that pad")
            };
            let row = self.input.spatial().1 * channels;
            let windows = Windows::pixels(range.len(), width, channels);
            let x = &values[range.start * row..range.end * row];
            self.op.run(Run { panels, chunk: 0, x, windows, residual, target, ahead });
            return;
        };
        let padded_row = self.padded_row(sides);
        let Target { values, row_stride, pixel_stride } = target;
        for first in range.clone().step_by(ROWS) {
            let height = ROWS.min(range.end - first);
            let padded = &mut scratch[..sides.under(height) * padded_row];
            self.pad(source, sides, first * sides.stride, padded);
            let shape = (sides.kernel, sides.stride);
            let done = (first - range.start) * row_stride;
            self.op.run(Run {
                panels: panels.clone(),
                chunk: 0,
                x: padded,
                windows: Windows::sliding((height, width), shape, padded_row / channels, channels),
                residual: residual.map(|r| &r[done..]),
                target: Target { values: &mut values[done..], row_stride, pixel_stride },
                ahead,
            });
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
                Source::Picture(pixels, normalize) => {
                    normalize.run(&pixels[y * row..][..row], out);
                }
            }
        }
    }
}
