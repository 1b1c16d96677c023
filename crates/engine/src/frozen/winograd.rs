//! A 3x3 convolution by Winograd's algorithm, computed in whole rows of tiles.

use headstart_kernels::conv::Target;
use headstart_kernels::winograd::{self, Run, TILE, under};
use headstart_kernels::{Activation, Isa};
use headstart_model::Shape;

use super::buffers::Buffers;
use super::padded::Padded;
use super::program::Sides;
use super::share::{carve, divide, padded, split_rows};

#[derive(Debug)]
pub(super) struct Winograd {
    op: winograd::Winograd,
    /// Zeros on the right reach to the end of the last tile.
    padded: Padded,
    output: Shape,
    /// Output rows computed at a time, a multiple of [`TILE`].
    band: usize,
}

/// The gain that justifies four times as many weights.
const SPEEDUP: f64 = 1.2;

/// Bytes of a band's transformed inputs and sums, which stay in L2.
const BAND_BYTES: usize = 1 << 20;

impl Winograd {
    /// Whether it is worthwhile for such a convolution.
    pub(super) fn suits(sides: Sides, input: Shape, output: Shape) -> bool {
        let speedup = winograd::speedup(output.spatial(), input.channels(), output.channels());
        sides.kernel == 3 && sides.stride == 1 && speedup >= SPEEDUP
    }

    /// `kernel` is `[3][3][inputs][outputs]`.
    pub(super) fn new(
        isa: Isa,
        (kernel, bias): (&[f32], &[f32]),
        activation: Activation,
        sides: Sides,
        (input, output): (Shape, Shape),
    ) -> Self {
        let (height, width) = output.spatial();
        let mut margins = sides.margins;
        margins.right = under((height, width)).1 - margins.left - input.spatial().1;
        let op = winograd::Winograd::new(isa, kernel, bias, activation);
        let bytes = |tiles: usize| op.scratch((tiles * TILE, width)) * size_of::<f32>();
        let tiles = height.div_ceil(TILE);
        let largest = (1..=tiles).rev().find(|&tiles| bytes(tiles) <= BAND_BYTES).unwrap_or(1);
        // Bands of equal height avoid a short one at the end.
        let band = tiles.div_ceil(tiles.div_ceil(largest)) * TILE;
        Self { op, padded: Padded { input, margins }, output, band }
    }

    /// Multiply-adds of direct sums.
    pub(super) fn multiply_adds(&self) -> usize {
        let (height, width) = self.output.spatial();
        height * width * 9 * self.op.inputs() * self.op.outputs()
    }

    pub(super) fn first_weights(&self) -> &[f32] {
        self.op.first_weights()
    }

    /// Values of padded input under `rows` output rows.
    fn under(&self, rows: usize) -> usize {
        under((rows, self.output.spatial().1)).0 * self.padded.row()
    }

    /// f32 values of scratch per thread.
    pub(super) fn scratch(&self) -> usize {
        padded(self.under(self.band)) + self.op.scratch((self.band, self.output.spatial().1))
    }

    /// Computes the whole map. Threads divide the rows of tiles, so that the results do not depend on their number.
    pub(super) fn run(&self, buffers: Buffers<'_>) {
        let Buffers { input, residual, out, scratch, ahead } = buffers;
        let (height, width) = self.output.spatial();
        let channels = self.output.channels();
        let row = width * channels;
        let split = |values, tiles: usize| split_rows(values, tiles * TILE * row);
        divide(
            0..height.div_ceil(TILE),
            (residual, out),
            scratch,
            &split,
            &|tiles, values, mut scratch| {
                let (residual, out) = values;
                let padded = carve(&mut scratch, self.under(self.band));
                let (begin, end) = (tiles.start * TILE, height.min(tiles.end * TILE));
                for first in (begin..end).step_by(self.band) {
                    let rows = self.band.min(end - first);
                    let x = &mut padded[..self.under(rows)];
                    self.padded.write(input, first, x);
                    let done = (first - begin) * row;
                    self.op.run(Run {
                        x,
                        columns: self.padded.columns(),
                        size: (rows, width),
                        residual: residual.map(|residual| &residual[done..]),
                        target: Target::dense(&mut out[done..], width, channels),
                        scratch,
                        ahead: if first + rows < end { self.first_weights() } else { ahead },
                    });
                }
            },
        );
    }
}
