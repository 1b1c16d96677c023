//! The memory layout of a map in training.

use std::ops::Range;

use headstart_model::{Margins, Shape};

/// A map with room for zeros around it and after the channels of its pixels, so that the convolution that reads it
/// needs no copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    /// Rows and columns of zeros around the map.
    pub(crate) margins: Margins,
    /// Values per pixel: its channels and zeros after them.
    pub(crate) pixel: usize,
}

impl Layout {
    /// Contiguous pixels without zeros.
    pub(crate) fn dense(shape: Shape) -> Self {
        let ((height, width), channels) = (shape.spatial(), shape.channels());
        let margins = Margins::default();
        Self { height, width, channels, margins, pixel: channels }
    }

    /// The layout of the same map with contiguous pixels.
    pub(crate) fn unpadded(&self) -> Self {
        Self { margins: Margins::default(), pixel: self.channels, ..*self }
    }

    pub(crate) fn is_dense(&self) -> bool {
        self.margins == Margins::default() && self.pixel == self.channels
    }

    /// Rows, including rows of zeros.
    pub(crate) fn rows(&self) -> usize {
        self.margins.top + self.height + self.margins.bottom
    }

    /// Columns, including columns of zeros.
    pub(crate) fn columns(&self) -> usize {
        self.margins.left + self.width + self.margins.right
    }

    /// Values per row, including zeros.
    pub(crate) fn row(&self) -> usize {
        self.columns() * self.pixel
    }

    /// Values per picture.
    pub(crate) fn len(&self) -> usize {
        self.rows() * self.row()
    }

    /// The start of row `y` of the map.
    pub(crate) fn start(&self, y: usize) -> usize {
        (self.margins.top + y) * self.row() + self.margins.left * self.pixel
    }

    /// The range of the pixels of row `y`.
    pub(crate) fn span(&self, y: usize) -> Range<usize> {
        let start = self.start(y);
        start..start + (self.width - 1) * self.pixel + self.channels
    }

    /// A range of rows of a picture as a separate map, and its location: the first row includes the zeros above it, and
    /// the last those below.
    pub(crate) fn part(&self, rows: &Range<usize>) -> (Self, Range<usize>) {
        let top = if rows.start == 0 { self.margins.top } else { 0 };
        let bottom = if rows.end == self.height { self.margins.bottom } else { 0 };
        let margins = Margins { top, bottom, ..self.margins };
        let part = Self { height: rows.len(), margins, ..*self };
        let start = (self.margins.top + rows.start - top) * self.row();
        (part, start..start + part.len())
    }

    /// Zeroes everything outside the pixels of a picture, and more where that is cheaper.
    pub(crate) fn clear(&self, picture: &mut [f32]) {
        if self.is_dense() {
            return;
        }
        if self.pixel > self.channels {
            picture.fill(0.0);
            return;
        }
        let row = self.row();
        let (left, right) = (self.margins.left * self.pixel, self.margins.right * self.pixel);
        let last = self.margins.top + self.height;
        picture[..self.margins.top * row].fill(0.0);
        picture[last * row..].fill(0.0);
        for row in picture[self.margins.top * row..last * row].chunks_exact_mut(row) {
            let end = row.len() - right;
            row[..left].fill(0.0);
            row[end..].fill(0.0);
        }
    }
}

/// Calls `each` with runs of values of corresponding pixels in maps of the same size: whole pictures if all are dense,
/// rows if pixels are contiguous, otherwise single pixels.
pub(crate) fn runs<const N: usize>(layouts: [&Layout; N], mut each: impl FnMut([Range<usize>; N])) {
    let first = layouts[0];
    if layouts.iter().all(|layout| layout.is_dense()) {
        return each(std::array::from_fn(|_| 0..first.len()));
    }
    let even = layouts.iter().all(|layout| layout.pixel == layout.channels);
    for y in 0..first.height {
        if even {
            each(layouts.map(|layout| layout.span(y)));
            continue;
        }
        for x in 0..first.width {
            each(layouts.map(|layout| {
                let at = layout.start(y) + x * layout.pixel;
                at..at + layout.channels
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_pixel_once_and_clearing_leaves_them() {
        let shape = Shape::Map { height: 3, width: 2, channels: 5 };
        let dense = Layout::dense(shape);
        let margins = Margins { top: 1, bottom: 0, left: 2, right: 1 };
        for other in [dense, Layout { margins, ..dense }, Layout { margins, pixel: 8, ..dense }] {
            let mut picture = vec![7.0; other.len()];
            other.clear(&mut picture);
            let mut seen = Vec::new();
            runs([&dense, &other], |[from, to]| {
                assert_eq!(from.len(), to.len());
                seen.extend(from);
                picture[to].fill(1.0);
            });
            assert_eq!(seen, (0..dense.len()).collect::<Vec<_>>(), "{other:?}");
            let ones = picture.iter().filter(|&&x| x == 1.0).count();
            let zeros = picture.iter().filter(|&&x| x == 0.0).count();
            assert_eq!((ones, zeros), (dense.len(), other.len() - dense.len()), "{other:?}");
        }
    }
}
