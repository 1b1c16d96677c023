//! From the bytes of a file to upright 8-bit RGB.
//!
//! The format is found by content, never by the file's name. What comes out is what
//! Pillow makes of the file, with three things settled that its callers must settle
//! themselves: the orientation that EXIF or XMP says is applied, transparency is composed on white, and
//! samples of 16 bits keep their high byte. Colour profiles are not applied (neither
//! Keras nor torchvision does). Of an animation or a multi-page file the first frame is
//! taken.
//!
//! A file whose data ends early is an error, not a picture with a grey half. What is lost with a
//! restart marker within a JPEG is grey, as with Pillow.

#![forbid(unsafe_code)]

mod budget;
mod directory;
mod error;
mod file;
mod general;
mod guard;
mod jpeg;
#[cfg(feature = "jxl")]
mod jxl;
mod limits;
mod orientation;
mod png_metadata;
mod pnm;
mod rgb;
mod sniff;
mod tiff;
mod webp_structure;

use image::metadata::Orientation;

pub use budget::{DEFAULT_MEMORY, MemoryBudget, MemoryGuard};
pub use error::DecodeError;
pub use file::{Size, read_file, read_file_with, read_picture};
pub use headstart_guard::guarded;
pub use limits::{AtLeast, Limits, MOST_SIDE};
pub use rgb::{ContentHash, Covered, Rgb};
pub use sniff::{Format, UNREAD_ENDINGS, sniff};

/// How many bytes from the start of a file [`sniff`] looks at.
pub const SNIFF_BYTES: usize = 512;

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
        Format::Tiff => tiff::decode(bytes, limits),
        Format::Pnm => pnm::decode(bytes, limits),
        #[cfg(feature = "jxl")]
        Format::JpegXl => jxl::decode(bytes, limits),
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
    /// The orientation by EXIF or XMP, 1 to 8: how the stored pixels are to be turned. 1 is upright.
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
            Format::Tiff => tiff::header(bytes, limits)?,
            Format::Pnm => {
                let (width, height) = pnm::header(bytes, limits)?;
                (width, height, Orientation::NoTransforms)
            }
            #[cfg(feature = "jxl")]
            Format::JpegXl => {
                let (width, height) = jxl::header(bytes, limits)?;
                (width, height, Orientation::NoTransforms)
            }
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
            Format::Tiff => tiff::estimate(bytes, limits),
            Format::Pnm => pnm::estimate(bytes, limits),
            #[cfg(feature = "jxl")]
            Format::JpegXl => jxl::estimate(bytes, limits),
            format => general::estimate(bytes, format, limits),
        })
    });
    needed.unwrap_or(0).saturating_add(bytes.len() as u64)
}
