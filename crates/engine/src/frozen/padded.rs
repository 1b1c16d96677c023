//! Copies of a map's rows with zeros around them.

use headstart_model::{Margins, Shape};

use super::buffers::{PICTURE, Source};

/// A map with zeros around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Padded {
    pub(super) input: Shape,
    pub(super) margins: Margins,
}

impl Padded {
    /// Pixels per row.
    pub(super) fn columns(&self) -> usize {
        self.margins.left + self.input.spatial().1 + self.margins.right
    }

    /// Values per row.
    pub(super) fn row(&self) -> usize {
        self.columns() * self.input.channels()
    }

    /// Writes the rows from `first` on to `out`; rows below the map are zero.
    pub(super) fn write(&self, source: Source<'_>, first: usize, out: &mut [f32]) {
        let (height, width) = self.input.spatial();
        let channels = self.input.channels();
        let (left, row) = (self.margins.left * channels, width * channels);
        for (index, out) in out.chunks_exact_mut(self.row()).enumerate() {
            let y = (first + index).wrapping_sub(self.margins.top);
            if y >= height {
                out.fill(0.0);
                continue;
            }
            out[..left].fill(0.0);
            out[left + row..].fill(0.0);
            let out = &mut out[left..left + row];
            match source {
                Source::Values(values) => out.copy_from_slice(&values[y * row..][..row]),
                Source::Reduced { .. } => unreachable!("only for 1x1 convolutions"),
                Source::Picture(pixels, normalize) => {
                    normalize.run(&pixels[y * row..][..row], out);
                }
            }
        }
    }

    /// Copies every `stride`th pixel of every `stride`th row to rows of `width` pixels: those from `first` on.
    pub(super) fn gather(
        &self,
        source: Source<'_>,
        (first, width): (usize, usize),
        stride: usize,
        out: &mut [f32],
    ) {
        let Source::Values(values) = source else {
            unreachable!("{PICTURE}, of more than a pixel")
        };
        let (_, columns) = self.input.spatial();
        let channels = self.input.channels();
        for (row, out) in out.chunks_exact_mut(width * channels).enumerate() {
            let from = &values[(first + row) * stride * columns * channels..];
            let from = from.chunks_exact(channels).step_by(stride);
            for (from, to) in from.zip(out.chunks_exact_mut(channels)) {
                to.copy_from_slice(from);
            }
        }
    }
}
