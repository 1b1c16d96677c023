//! From the bytes of a file to upright 8-bit RGB.
//!
//! The format is found by content, never by the file's name. What comes out is what
//! Pillow makes of the file, with three things settled that its callers must settle
//! themselves: the EXIF orientation is applied, transparency is composed on white, and
//! samples of 16 bits keep their high byte. Colour profiles are not applied (neither
//! Keras nor torchvision does). Of an animation or a multi-page file the first frame is
//! taken.
//!
//! A file whose data ends early is an error, not a picture with a grey half.

mod budget;
mod general;
pub(crate) mod guard;
mod jpeg;
mod reduce;
mod rgb;
mod sniff;
mod tiff_structure;
mod webp_structure;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub use budget::{DEFAULT_MEMORY, MemoryBudget, MemoryGuard};
use headstart_model::io_reason;
pub use reduce::{AtLeast, Reduce};
pub use rgb::{ContentHash, Rgb};
pub use sniff::{Format, sniff};

/// How many bytes from the start of a file [`sniff`] looks at.
pub const SNIFF_BYTES: usize = 512;

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

/// Why a file gives no picture. One line, to stand behind the file's path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The content is of another kind.
    #[error("not a picture ({what})")]
    NotAPicture {
        /// What the content looks like: "text", "PDF", "empty file" …
        what: &'static str,
    },
    /// A picture, in a format that is not read.
    #[error("{what} pictures cannot be read; convert to JPEG, PNG, WebP, GIF, BMP or TIFF")]
    Unsupported {
        /// The format's name.
        what: &'static str,
    },
    /// A format that is read, in a variant that is not.
    #[error("this kind of {format} cannot be read ({detail}); convert it to JPEG or PNG")]
    UnsupportedKind {
        /// The format of the file.
        format: Format,
        /// What the decoder said.
        detail: String,
    },
    /// The data ends before the picture does.
    #[error("truncated {format}")]
    Truncated {
        /// The format of the file.
        format: Format,
    },
    /// The data contradicts itself or uses what the decoder does not know.
    #[error("damaged {format}: {detail}")]
    Damaged {
        /// The format of the file.
        format: Format,
        /// What the decoder said.
        detail: String,
    },
    /// The header declares more pixels than [`Limits::max_pixels`].
    #[error("{width} x {height} pixels are more than the limit of {} megapixels", limit / 1_000_000)]
    TooManyPixels {
        /// Declared width, in pixels.
        width: u64,
        /// Declared height, in pixels.
        height: u64,
        /// The limit, in pixels.
        limit: u64,
    },
    /// A side is longer than [`MOST_SIDE`].
    #[error("{width} x {height} pixels: a side is more than {MOST_SIDE}")]
    TooLongASide {
        /// Declared width, in pixels.
        width: u64,
        /// Declared height, in pixels.
        height: u64,
    },
    /// Decoding would allocate more than [`Limits::max_bytes`], or far more than a picture of this
    /// size should need: a tile that is larger than the picture, a profile without an end.
    #[error(
        "needs more memory to decode than its size explains, or than the limit of {} (see --memory)",
        megabytes(*limit)
    )]
    TooMuchMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file is larger than [`Limits::max_file_bytes`].
    #[error(
        "a file of {} is more than the limit of {} (see --memory)",
        megabytes(*bytes),
        megabytes(*limit)
    )]
    FileTooLarge {
        /// The file's size, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file could not be read. The system's reason is a part of the message and no source of
    /// this error, or whoever prints the chain would print it twice.
    #[error("cannot be read ({})", io_reason(.0))]
    Io(io::Error),
}

/// `512 MB`, or `0.3 MB` where there are few.
fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    let digits = if megabytes < 9.95 { 1 } else { 0 };
    format!("{megabytes:.digits$} MB")
}

impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Limits {
    fn check(&self, width: u64, height: u64) -> Result<(), DecodeError> {
        match width.checked_mul(height) {
            Some(pixels) if pixels <= self.max_pixels => match width.max(height) > MOST_SIDE {
                true => Err(DecodeError::TooLongASide { width, height }),
                false => Ok(()),
            },
            _ => Err(DecodeError::TooManyPixels { width, height, limit: self.max_pixels }),
        }
    }
}

/// Decodes a picture from the bytes of its file.
///
/// # Errors
/// See [`DecodeError`]. Whatever the bytes, the answer is a picture or an error.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    decode_at_least(bytes, limits, AtLeast::FULL)
}

/// Decodes a picture, possibly to less than its own width and height, but to no less than a size.
///
/// A JPEG is decoded to a half, a quarter or an eighth (rounded up) where that is enough, each pixel
/// the mean of those that it stands for: the rest of the work is not done. Other pictures come as
/// [`decode`](decode()) gives them.
///
/// # Errors
/// As [`decode`](decode()).
pub fn decode_at_least(
    bytes: &[u8],
    limits: &Limits,
    at_least: AtLeast,
) -> Result<Rgb, DecodeError> {
    let format = sniff(bytes)?;
    guard::caught(format, || match format {
        Format::Jpeg => jpeg::decode(bytes, limits, at_least),
        format => general::decode(bytes, format, limits),
    })
}

/// What a picture's file says of it before its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the content is.
    pub format: Format,
    /// Width of the upright picture, in pixels.
    pub width: u32,
    /// Height of the upright picture, in pixels.
    pub height: u32,
    /// The EXIF orientation, 1 to 8: how the stored pixels are to be turned. 1 is upright.
    pub orientation: u8,
}

/// Reads a picture's header and decodes nothing.
///
/// # Errors
/// As [`decode`], for what can be told without decoding.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
    let format = sniff(bytes)?;
    guard::caught(format, || {
        let (width, height, orientation) = match format {
            Format::Jpeg => jpeg::header(bytes)?,
            format => general::header(bytes, format, limits)?,
        };
        let orientation = orientation.to_exif();
        // The last four are turned by a quarter.
        let (width, height) = if orientation > 4 { (height, width) } else { (width, height) };
        Ok(Header { format, width, height, orientation })
    })
}

/// About how many bytes [`decode`] needs at its peak for a picture, by what its header declares:
/// the decoder's memory, the result and the copies between them, with the file's own bytes.
///
/// To be asked of a [`MemoryBudget`] before decoding. A file that `decode` refuses by its header
/// needs no more than its own bytes.
pub fn estimated_bytes(bytes: &[u8], limits: &Limits) -> u64 {
    estimated_bytes_at_least(bytes, limits, AtLeast::FULL)
}

/// As [`estimated_bytes`], for [`decode_at_least`].
pub fn estimated_bytes_at_least(bytes: &[u8], limits: &Limits, at_least: AtLeast) -> u64 {
    let needed = sniff(bytes).and_then(|format| {
        guard::caught(format, || match format {
            Format::Jpeg => jpeg::estimate(bytes, limits, at_least),
            format => general::estimate(bytes, format, limits),
        })
    });
    needed.unwrap_or(0).saturating_add(bytes.len() as u64)
}

/// Reads a file that should be a picture, and stops early when it is none.
///
/// # Errors
/// [`DecodeError::Io`], [`DecodeError::FileTooLarge`], or what [`sniff`] says of the
/// first bytes.
pub fn read_file(path: &Path, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    // Opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(DecodeError::NotAPicture { what: "a folder" });
    }
    if !metadata.is_file() {
        return Err(DecodeError::NotAPicture { what: "no regular file" });
    }
    read_picture(File::open(path)?, Some(metadata.len()), limits)
}

/// Reads what should be a picture, and stops early when it is none or more than may be. `size` is how
/// many bytes there are, where that is known well enough to take memory for them.
pub(crate) fn read_picture(
    mut from: impl Read,
    size: Option<u64>,
    limits: &Limits,
) -> Result<Vec<u8>, DecodeError> {
    let limit = limits.max_file_bytes;
    let too_large = |bytes: u64| match bytes > limit {
        true => Err(DecodeError::FileTooLarge { bytes, limit }),
        false => Ok(()),
    };
    let mut bytes = Vec::new();
    from.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut bytes)?;
    sniff(&bytes)?;
    if let Some(size) = size {
        too_large(size)?;
        bytes.reserve_exact((size as usize).saturating_sub(bytes.len()) + 1);
    }
    let rest = limit.saturating_add(1).saturating_sub(bytes.len() as u64);
    from.take(rest).read_to_end(&mut bytes)?;
    too_large(bytes.len() as u64)?;
    Ok(bytes)
}
