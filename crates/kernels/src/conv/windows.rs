//! Where a convolution reads and writes.

use std::ops::Range;

use crate::extent::extent;

/// Location of the windows of a range of output rows: each has `segments` runs of values, and windows are
/// `pixel_stride` values apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Output rows.
    pub height: usize,
    /// Output pixels per row.
    pub width: usize,
    /// Stride between the first windows of consecutive rows, in values.
    pub row_stride: usize,
    /// Stride between windows, in values.
    pub pixel_stride: usize,
    /// Runs of values per window: the rows of its kernel.
    pub segments: usize,
    /// Stride between runs, in values.
    pub segment_stride: usize,
}

impl Windows {
    /// Contiguous windows of one pixel each, `stride` values apart.
    pub fn pixels(height: usize, width: usize, stride: usize) -> Self {
        Self {
            height,
            width,
            row_stride: width * stride,
            pixel_stride: stride,
            segments: 1,
            segment_stride: 0,
        }
    }

    /// Windows of `kernel` rows and columns, `stride` pixels apart, over a padded map whose rows have `padded` pixels
    /// of `channels` values.
    pub fn sliding(
        (height, width): (usize, usize),
        (kernel, stride): (usize, usize),
        padded: usize,
        channels: usize,
    ) -> Self {
        Self {
            height,
            width,
            row_stride: stride * padded * channels,
            pixel_stride: stride * channels,
            segments: kernel,
            segment_stride: padded * channels,
        }
    }

    /// The part of windows of `inputs` values that a chunk covers, which is whole runs or lies within one, and the offset
    /// of its first value.
    pub fn of_chunk(self, inputs: usize, chunk: Range<usize>) -> (usize, Self) {
        let run = inputs / self.segments;
        let offset = chunk.start / run * self.segment_stride + chunk.start % run;
        (offset, Self { segments: chunk.len().div_ceil(run), ..self })
    }

    /// Values from the start of the first window to the end of the last, for windows of `inputs` values.
    pub(super) fn reach(&self, inputs: usize) -> usize {
        let steps = [
            (self.height, self.row_stride),
            (self.width, self.pixel_stride),
            (self.segments, self.segment_stride),
        ];
        extent(&steps, inputs / self.segments)
    }

    /// The same windows as a single row, if they are evenly spaced across rows.
    pub(super) fn flattened(self) -> Option<Self> {
        let width = self.height.checked_mul(self.width)?;
        (self.width.checked_mul(self.pixel_stride) == Some(self.row_stride)).then_some(Self {
            height: 1,
            width,
            ..self
        })
    }
}

/// A map, or a range of its channels, that a convolution writes to.
#[derive(Debug)]
pub struct Target<'a> {
    /// Starts at the first value of the first pixel.
    pub values: &'a mut [f32],
    /// Stride between rows, in values.
    pub row_stride: usize,
    /// Stride between pixels, in values.
    pub pixel_stride: usize,
    /// Values per pixel that may be written. If there is room, the zeros that pad the last vector are stored after the
    /// outputs.
    pub room: usize,
}

impl<'a> Target<'a> {
    /// Contiguous pixels of `outputs` values each, in rows of `width`.
    pub fn dense(values: &'a mut [f32], width: usize, outputs: usize) -> Self {
        let row_stride = width.saturating_mul(outputs);
        Self { values, row_stride, pixel_stride: outputs, room: outputs }
    }

    /// Number of values up to the last that may be written: kernels access the target, and the residual, up to there
    /// without further checks.
    ///
    /// # Panics
    /// When pixels or rows overlap, `outputs` do not fit, or there are too few `values`.
    pub(crate) fn reach(&self, (height, width): (usize, usize), outputs: usize) -> usize {
        assert!(outputs <= self.room, "no room for the outputs");
        let row = extent(&[(width, self.pixel_stride)], self.room);
        assert!(width == 1 || self.pixel_stride >= self.room, "pixels overlap");
        assert!(height == 1 || self.row_stride >= row, "rows overlap");
        let reach = extent(&[(height, self.row_stride)], row);
        assert!(self.values.len() >= reach, "the target is too short");
        reach
    }
}
