//! Decodes the bytes of a file to upright 8-bit RGB.
//!
//! The format is detected by content, never by the file's name. The result equals Pillow's, after three steps that
//! Pillow leaves to its callers: the orientation in EXIF or XMP is applied, transparency is composed on white, and
//! 16-bit samples keep their high byte. Colour profiles are not applied (neither Keras nor torchvision applies them).
//! Of an animation or a multi-page file, the first frame is decoded.
//!
//! A file whose data ends early is an error, not a picture with a grey half. Areas lost with a restart marker within a
//! JPEG are grey, as in Pillow.
//!
//! Decoding from bytes needs no files, threads or clock. JPEG, PNG and PNM are always supported; each other format is
//! a feature, and all features are on by default.

#![forbid(unsafe_code)]

mod directory;
mod error;
mod file;
#[cfg(any(feature = "bmp", feature = "gif", feature = "webp"))]
mod general;
mod guard;
mod jpeg;
#[cfg(feature = "jxl")]
mod jxl;
mod limits;
mod orientation;
mod png;
mod png_metadata;
mod pnm;
mod rgb;
mod samples;
mod sniff;
#[cfg(feature = "tiff")]
mod tiff;
#[cfg(any(feature = "bmp", feature = "gif", feature = "webp"))]
mod webp_structure;

use orientation::Orientation;

pub use error::DecodeError;
pub use file::{Size, read_file, read_file_with, read_picture};
pub use headstart_guard::guarded;
pub use limits::{Limits, MOST_SIDE, MinSize};
pub use rgb::{ContentHash, Covered, Rgb};
pub use sniff::{Format, UNREAD_ENDINGS, sniff};

/// How many bytes from the start of a file [`sniff`] inspects.
pub const SNIFF_BYTES: usize = 512;

/// Decodes a picture from the bytes of its file.
///
/// # Errors
/// See [`DecodeError`]. Arbitrary bytes give a picture or an error.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    decode_at_least(bytes, limits, MinSize::FULL)
}

/// Decodes a picture, possibly reduced, but at least at a given size.
///
/// A JPEG is decoded at a half, a quarter or an eighth of its size (rounded up) if that suffices, which saves work:
/// each pixel is the mean of the pixels it replaces. Other pictures are decoded as by [`decode`](decode()).
///
/// # Errors
/// As [`decode`](decode()).
pub fn decode_at_least(
    bytes: &[u8],
    limits: &Limits,
    at_least: MinSize,
) -> Result<Rgb, DecodeError> {
    let format = sniff(bytes)?;
    let decoder = decoder(format)?;
    guard::caught(format, || (decoder.decode)(bytes, format, limits, at_least))
}

/// Width and height as stored, and the orientation.
type Stored = (u32, u32, Orientation);

/// The functions of a format's decoder.
struct Decoder {
    decode: fn(&[u8], Format, &Limits, MinSize) -> Result<Rgb, DecodeError>,
    header: fn(&[u8], Format, &Limits) -> Result<Stored, DecodeError>,
    /// The peak memory of decoding, in bytes.
    estimate: fn(&[u8], Format, &Limits, MinSize) -> Result<u64, DecodeError>,
}

/// The decoder of a format.
///
/// # Errors
/// [`DecodeError::Unsupported`] for a format that is not compiled into this build.
fn decoder(format: Format) -> Result<Decoder, DecodeError> {
    Ok(match format {
        Format::Jpeg => Decoder {
            decode: |bytes, _, limits, at_least| jpeg::decode(bytes, limits, at_least),
            header: |bytes, _, _| jpeg::header(bytes),
            estimate: |bytes, _, limits, at_least| jpeg::estimate(bytes, limits, at_least),
        },
        Format::Png => Decoder {
            decode: |bytes, _, limits, _| png::decode(bytes, limits),
            header: |bytes, _, limits| png::header(bytes, limits),
            estimate: |bytes, _, limits, _| png::estimate(bytes, limits),
        },
        Format::Pnm => Decoder {
            decode: |bytes, _, limits, _| pnm::decode(bytes, limits),
            header: |bytes, _, limits| upright(pnm::header(bytes, limits)?),
            estimate: |bytes, _, limits, _| pnm::estimate(bytes, limits),
        },
        #[cfg(feature = "tiff")]
        Format::Tiff => Decoder {
            decode: |bytes, _, limits, _| tiff::decode(bytes, limits),
            header: |bytes, _, limits| tiff::header(bytes, limits),
            estimate: |bytes, _, limits, _| tiff::estimate(bytes, limits),
        },
        #[cfg(feature = "jxl")]
        Format::JpegXl => Decoder {
            decode: |bytes, _, limits, _| jxl::decode(bytes, limits),
            header: |bytes, _, limits| upright(jxl::header(bytes, limits)?),
            estimate: |bytes, _, limits, _| jxl::estimate(bytes, limits),
        },
        #[cfg(feature = "bmp")]
        Format::Bmp => GENERAL,
        #[cfg(feature = "gif")]
        Format::Gif => GENERAL,
        #[cfg(feature = "webp")]
        Format::WebP => GENERAL,
        #[allow(unreachable_patterns)]
        left_out => return Err(DecodeError::not_in_this_build(left_out)),
    })
}

#[cfg(any(feature = "bmp", feature = "gif", feature = "webp"))]
const GENERAL: Decoder = Decoder {
    decode: |bytes, format, limits, _| general::decode(bytes, format, limits),
    header: general::header,
    estimate: |bytes, format, limits, _| general::estimate(bytes, format, limits),
};

/// The header of a picture in a format without orientation.
fn upright((width, height): (u32, u32)) -> Result<Stored, DecodeError> {
    Ok((width, height, Orientation::UPRIGHT))
}

/// The facts about a picture that its file states before the pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The format of the content.
    pub format: Format,
    /// Width of the upright picture, in pixels.
    pub width: u32,
    /// Height of the upright picture, in pixels.
    pub height: u32,
    /// The orientation in EXIF or XMP, 1 to 8: how the stored pixels must be turned. 1 is upright.
    pub orientation: u8,
}

/// Reads a picture's header without decoding.
///
/// # Errors
/// As [`decode`], for errors that can be detected without decoding.
pub fn header(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
    let format = sniff(bytes)?;
    let decoder = decoder(format)?;
    guard::caught(format, || {
        let (width, height, orientation) = (decoder.header)(bytes, format, limits)?;
        let orientation = orientation.to_exif();
        // The last four orientations include a quarter turn.
        let (width, height) = if orientation > 4 { (height, width) } else { (width, height) };
        Ok(Header { format, width, height, orientation })
    })
}

/// An estimate of the peak memory of [`decode`] for a picture, in bytes, from its header: the decoder's memory, the
/// result, the copies between them, and the file's own bytes.
///
/// To be called before decoding. A file that `decode` refuses by its header needs only its own bytes.
pub fn estimated_bytes(bytes: &[u8], limits: &Limits) -> u64 {
    estimated_bytes_at_least(bytes, limits, MinSize::FULL)
}

/// As [`estimated_bytes`], for [`decode_at_least`].
pub fn estimated_bytes_at_least(bytes: &[u8], limits: &Limits, at_least: MinSize) -> u64 {
    let needed = sniff(bytes).and_then(|format| {
        let decoder = decoder(format)?;
        guard::caught(format, || (decoder.estimate)(bytes, format, limits, at_least))
    });
    needed.unwrap_or(0).saturating_add(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_that_this_build_leaves_out_is_refused_by_its_name() {
        for format in Format::ALL {
            let is_read = match format {
                Format::Jpeg | Format::Png | Format::Pnm => true,
                Format::Bmp => cfg!(feature = "bmp"),
                Format::Gif => cfg!(feature = "gif"),
                Format::JpegXl => cfg!(feature = "jxl"),
                Format::Tiff => cfg!(feature = "tiff"),
                Format::WebP => cfg!(feature = "webp"),
            };
            let refused = decoder(format).err().map(|error| error.to_string());
            let says = format!("{format} pictures cannot be read");
            assert_eq!(refused.is_none(), is_read, "{format}");
            assert!(refused.is_none_or(|error| error.starts_with(&says)), "{format}");
        }
        let gif = decode(b"GIF89a", &Limits::default()).unwrap_err().to_string();
        let left_out =
            "GIF pictures are not supported; convert a folder: magick mogrify -format jpg *.gif";
        assert_eq!(gif == left_out, !cfg!(feature = "gif"), "{gif}");
    }
}
