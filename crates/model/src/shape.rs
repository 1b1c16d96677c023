//! Shapes of values, and the windows that move over maps.

use std::fmt;

/// The shape of a layer's output for one picture, without the batch axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A map of `height` x `width` positions with `channels` values each, stored in that order.
    Map {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Values at each position.
        channels: usize,
    },
    /// A vector.
    Vector(usize),
}

impl Shape {
    /// Size of the last axis.
    pub fn channels(self) -> usize {
        match self {
            Shape::Map { channels, .. } => channels,
            Shape::Vector(n) => n,
        }
    }

    /// Height and width; a vector counts as one position.
    pub fn spatial(self) -> (usize, usize) {
        match self {
            Shape::Map { height, width, .. } => (height, width),
            Shape::Vector(_) => (1, 1),
        }
    }

    /// Number of values.
    #[allow(clippy::len_without_is_empty)] // a layer's output is never empty
    pub fn len(self) -> usize {
        let (height, width) = self.spatial();
        height * width * self.channels()
    }

    /// The axes after the batch, outermost first.
    pub fn axes(self) -> Vec<usize> {
        match self {
            Shape::Map { height, width, channels } => vec![height, width, channels],
            Shape::Vector(n) => vec![n],
        }
    }
}

/// As Keras prints it: `(None, 80, 80, 32)`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(None")?;
        for axis in self.axes() {
            write!(f, ", {axis}")?;
        }
        f.write_str(")")
    }
}

/// Rows and columns of zeros around a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Margins {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

/// How the input of a convolution is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// No padding.
    Valid,
    /// TensorFlow's `SAME`: the output has `ceil(input / stride)` positions and any odd row or column of padding goes
    /// below or to the right.
    Same,
    /// The same number of rows and columns on every side, PyTorch's `padding=`.
    Symmetric(usize),
    /// The fewest rows below and columns to the right that let windows cover every position, PyTorch's
    /// `ceil_mode=True`.
    Ceil,
}

/// The square window of a convolution or a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Padding of the input.
    pub padding: Padding,
}

impl Window {
    /// Output positions along an axis of `size` inputs and the padding before and after it, or `None` if the window
    /// does not fit.
    pub fn along(self, size: usize) -> Option<(usize, usize, usize)> {
        let (before, after) = match self.padding {
            Padding::Valid => (0, 0),
            Padding::Symmetric(n) => (n, n),
            Padding::Same => {
                let covered = (size.div_ceil(self.stride).max(1) - 1) * self.stride + self.kernel;
                let total = covered.saturating_sub(size);
                (total / 2, total - total / 2)
            }
            Padding::Ceil => {
                let steps = size.checked_sub(self.kernel)?.div_ceil(self.stride);
                (0, steps * self.stride + self.kernel - size)
            }
        };
        let padded = size + before + after;
        (padded >= self.kernel).then(|| ((padded - self.kernel) / self.stride + 1, before, after))
    }

    /// The padding resolved for a map of `height` x `width`.
    pub fn margins(self, height: usize, width: usize) -> Option<Margins> {
        let (_, top, bottom) = self.along(height)?;
        let (_, left, right) = self.along(width)?;
        Some(Margins { top, bottom, left, right })
    }
}
