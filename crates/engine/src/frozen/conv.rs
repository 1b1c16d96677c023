//! A convolution computed in whole output rows.

use std::ops::Range;

use headstart_kernels::conv::{Target, Windows};
use headstart_model::Shape;

use super::buffers::{PICTURE, Source};
use super::padded::Padded;
use super::product::{Pixels, Product, Run};
use super::program::{Access, Sides};

#[derive(Debug)]
pub(super) struct Conv {
    pub(super) op: Product,
    sides: Sides,
    padded: Padded,
    input: Shape,
    pub(super) output: Shape,
    /// Output rows computed at a time.
    pub(super) band: usize,
}

/// A range of rows and channels of a convolution's output.
pub(super) struct Rows<'a> {
    pub(super) source: Source<'a>,
    /// Output rows.
    pub(super) range: Range<usize>,
    pub(super) panels: Range<usize>,
    /// Has the layout of the target.
    pub(super) residual: Option<&'a [f32]>,
    pub(super) target: Target<'a>,
    /// Has the length [`Conv::scratch`].
    pub(super) scratch: &'a mut [f32],
    /// Weights to prefetch.
    pub(super) ahead: &'a [f32],
}

/// Bytes of input that go through all panels before the next rows begin, so that they stay in L2.
const BAND_BYTES: usize = 160 << 10;

impl Conv {
    pub(super) fn new(op: Product, sides: Sides, (input, output): (Shape, Shape)) -> Self {
        let padded = Padded { input, margins: sides.margins };
        let mut conv = Self { op, sides, padded, input, output, band: 1 };
        conv.band = conv.choose_band();
        conv
    }

    fn choose_band(&self) -> usize {
        let (height, _) = self.output.spatial();
        let fits = |&rows: &usize| self.read(rows) * size_of::<f32>() <= BAND_BYTES;
        let bands = height.div_ceil((1..=height).rev().find(fits).unwrap_or(1));
        // More bands read the weights again; panels in sequence read the input again, and a copy is written first.
        let weights = self.op.multiply_adds() * (bands - 1);
        let copies = usize::from(self.sides.access() != Access::InPlace);
        if weights >= self.read(height) * (self.op.panels() - 1 + copies) {
            return height;
        }
        // Bands of equal height avoid a short one at the end.
        height.div_ceil(bands)
    }

    /// Input values that `rows` output rows read.
    fn read(&self, rows: usize) -> usize {
        match self.sides.access() {
            Access::InPlace | Access::Gathered => {
                rows * self.output.spatial().1 * self.input.channels()
            }
            Access::Padded => self.sides.under(rows) * self.padded.row(),
        }
    }

    /// f32 values of scratch that [`Conv::rows`] needs for copies of input rows.
    pub(super) fn scratch(&self) -> usize {
        match self.sides.access() {
            Access::InPlace => 0,
            Access::Gathered | Access::Padded => self.read(self.band),
        }
    }

    pub(super) fn multiply_adds(&self) -> usize {
        let (height, width) = self.output.spatial();
        height * width * self.op.multiply_adds()
    }

    /// f32 values of scratch that [`Conv::prepare`] needs for `rows` rows of input.
    pub(super) fn prepared(&self, rows: usize) -> usize {
        // Only 1x1 convolutions can be in reduced precision.
        self.op.scratch(0, rows * self.input.spatial().1)
    }

    /// Converts `rows` of the input of a 1x1 convolution to its precision.
    pub(super) fn prepare<'a>(
        &self,
        source: Source<'a>,
        rows: Range<usize>,
        scratch: &'a mut [f32],
    ) -> Source<'a> {
        let Source::Values(values) = source else { return source };
        let channels = self.input.channels();
        let row = self.input.spatial().1 * channels;
        let values = &values[rows.start * row..rows.end * row];
        match self.op.convert(0, (values, channels), scratch) {
            Some(pixels) => Source::Reduced { pixels, first: rows.start },
            None => source,
        }
    }

    /// Computes a range of rows and panels from a prepared source. Each band of rows goes through the panels in
    /// sequence, so that a panel's weights stay in L1.
    pub(super) fn rows(&self, rows: Rows<'_>) {
        let Rows { source, range, panels, residual, target, scratch, ahead } = rows;
        let Target { values, row_stride, pixel_stride, room } = target;
        let begin = self.op.panel(panels.start).start;
        for first in range.clone().step_by(self.band) {
            let height = self.band.min(range.end - first);
            let (pixels, windows) = self.windows(source, first, height, scratch);
            for panel in panels.clone() {
                let channel = self.op.panel(panel).start - begin;
                let place = (first - range.start) * row_stride + channel;
                for chunk in 0..self.op.chunks() {
                    let (pixels, windows) = self.chunk(chunk, pixels, windows);
                    self.op.run(Run {
                        panels: panel..panel + 1,
                        chunk,
                        pixels,
                        windows,
                        residual: residual.map(|r| &r[place..]),
                        target: Target {
                            values: &mut values[place..],
                            row_stride,
                            pixel_stride,
                            room: room - channel,
                        },
                        ahead: if chunk + 1 < self.op.chunks() {
                            self.op.weights(chunk + 1, panel..panel + 1)
                        } else if panel + 1 < panels.end {
                            self.weights(panel + 1)
                        } else {
                            ahead
                        },
                    });
                }
            }
        }
    }

    /// The part of the windows that a chunk of inputs covers.
    fn chunk<'a>(
        &self,
        chunk: usize,
        pixels: Pixels<'a>,
        windows: Windows,
    ) -> (Pixels<'a>, Windows) {
        let (Product::F32(op), Pixels::F32(x)) = (&self.op, pixels) else {
            return (pixels, windows);
        };
        let (offset, windows) = windows.of_chunk(op.inputs(), op.chunk(chunk));
        (Pixels::F32(&x[offset..]), windows)
    }

    /// A panel's weights.
    pub(super) fn weights(&self, panel: usize) -> &[f32] {
        self.op.weights(0, panel..panel + 1)
    }

    /// The windows of `height` output rows from `first` on, over the source itself or over copies of its rows.
    fn windows<'a>(
        &self,
        source: Source<'a>,
        first: usize,
        height: usize,
        scratch: &'a mut [f32],
    ) -> (Pixels<'a>, Windows) {
        let channels = self.input.channels();
        let (_, width) = self.output.spatial();
        let Sides { kernel, stride, .. } = self.sides;
        let pixels = match self.sides.access() {
            Access::InPlace => match source {
                Source::Values(values) => Pixels::F32(&values[first * width * channels..]),
                Source::Reduced { pixels, first: converted } => {
                    Pixels::Reduced(pixels.skip((first - converted) * width))
                }
                Source::Picture(..) => unreachable!("{PICTURE}"),
            },
            Access::Gathered => {
                let gathered = &mut scratch[..self.read(height)];
                self.padded.gather(source, (first, width), stride, gathered);
                Pixels::F32(gathered)
            }
            Access::Padded => {
                let padded = &mut scratch[..self.read(height)];
                self.padded.write(source, first * stride, padded);
                let columns = self.padded.columns();
                let windows =
                    Windows::sliding((height, width), (kernel, stride), columns, channels);
                return (Pixels::F32(padded), windows);
            }
        };
        (pixels, Windows::pixels(height, width, channels))
    }
}
