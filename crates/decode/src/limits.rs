use crate::DecodeError;

/// The longest side of a picture that is read, in pixels: that of a JPEG, and far beyond all others
/// that show something. A line of a hundred million pixels would be a small file.
pub const MOST_SIDE: u64 = 65_535;

/// What a single picture may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels (width times height) that a header may declare.
    pub max_pixels: u64,
    /// The most bytes a decoder may allocate for one picture, the result included.
    pub max_bytes: u64,
    /// The largest file that is read, in bytes.
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

/// The least size of a decoded picture, in pixels of the upright one. A smaller picture keeps its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MinSize {
    pub width: usize,
    pub height: usize,
}

impl MinSize {
    /// Nothing is less than the whole.
    pub const FULL: Self = Self { width: usize::MAX, height: usize::MAX };
}
