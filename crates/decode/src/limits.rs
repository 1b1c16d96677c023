use crate::DecodeError;

/// The longest supported side of a picture, in pixels. It is JPEG's limit, and far above the size
/// of real pictures. Without a limit, a small file could declare a line of a hundred million
/// pixels.
pub const MOST_SIDE: u64 = 65_535;

/// Limits on the cost of a single picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of pixels (width times height) that a header may declare.
    pub max_pixels: u64,
    /// Maximum number of bytes that a decoder may allocate for one picture, including the result.
    pub max_bytes: u64,
    /// Maximum size of a file, in bytes.
    pub max_file_bytes: u64,
}

impl Default for Limits {
    /// 134 megapixels (2^27), 1 GiB to decode one picture, files of 512 MiB.
    fn default() -> Self {
        Self { max_pixels: 1 << 27, max_bytes: 1 << 30, max_file_bytes: 512 << 20 }
    }
}

impl Limits {
    pub(crate) fn check(&self, width: u64, height: u64) -> Result<(), DecodeError> {
        match width.checked_mul(height) {
            Some(pixels) if pixels <= self.max_pixels => match width.max(height) > MOST_SIDE {
                true => Err(DecodeError::TooLongASide { width, height }),
                false => Ok(()),
            },
            _ => Err(DecodeError::TooManyPixels { width, height, limit: self.max_pixels }),
        }
    }
}

/// The minimum size of a decoded picture, in pixels after orientation. A smaller picture keeps its
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MinSize {
    pub width: usize,
    pub height: usize,
}

impl MinSize {
    /// The full size: nothing may be reduced.
    pub const FULL: Self = Self { width: usize::MAX, height: usize::MAX };
}
