//! TIFF: the first picture of a file, in the kinds that Pillow reads.
//!
//! The TIFF library refuses palettes, YCbCr, grey with alpha, Group 3, and half of the other kinds that Pillow
//! supports. So the directory is parsed here, and only decompression is left to libraries. A picture is decoded strip
//! by strip or tile by tile, so that only one of them is held beside the result.

mod chunk;
mod fax;
mod layout;
mod pixels;

use crate::directory::Directory;
use crate::orientation::{Orientation, of_directory};
use crate::{DecodeError, Format, Limits, Rgb};
use layout::{Compression, Layout};

/// The memory in bytes that a chunk may need beyond the picture's size: a tile may be larger than a small picture.
const SPARE: u64 = 4 << 20;

const XMP: u64 = 700;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    let (directory, layout) = open(bytes, limits)?;
    let (width, height) = (layout.width, layout.height);
    let mut rgb = vec![0; width * height * 3];
    let (across, down) = layout.chunks();
    for index in 0..across * down {
        let (left, top) = (index % across * layout.chunk.0, index / across * layout.chunk.1);
        let rows = layout.chunk.1.min(height - top);
        let columns = layout.chunk.0.min(width - left);
        let data = chunk::read(bytes, &layout, index, rows, limits)?;
        for y in 0..rows {
            let place = ((top + y) * width + left) * 3;
            pixels::to_rgb(&layout, &data, y, &mut rgb[place..][..columns * 3]);
        }
    }
    let picture = Rgb::new(width, height, rgb).ok_or_else(|| damaged("it is empty"))?;
    Ok(picture.oriented(orientation(&directory)))
}

/// Width and height as stored, and the orientation.
pub(crate) fn header(
    bytes: &[u8],
    limits: &Limits,
) -> Result<(u32, u32, Orientation), DecodeError> {
    let (directory, layout) = open(bytes, limits)?;
    // The limits ensure that sides fit in 32 bits.
    Ok((layout.width as u32, layout.height as u32, orientation(&directory)))
}

/// The peak memory of decoding, in bytes.
pub(crate) fn estimate(bytes: &[u8], limits: &Limits) -> Result<u64, DecodeError> {
    let (directory, layout) = open(bytes, limits)?;
    let rgb = (layout.width * layout.height * 3) as u64;
    let pixels = layout.chunk_bytes() / layout.samples as u64;
    let chunk = match layout.compression {
        // The data with the tables, and the memory of our decoder, including coefficients if there are several scans.
        Compression::Jpeg => pixels * 13 + bytes.len() as u64,
        Compression::Zstd => layout.chunk_bytes() * 2 + chunk::WINDOW as u64,
        // The unpacked data, and a copy with the chroma of each pixel.
        _ => layout.chunk_bytes() * 2,
    };
    let turned = if layout.reversed { bytes.len() as u64 } else { 0 };
    let chunk = chunk + turned;
    Ok((rgb + chunk).max(rgb * (1 + orientation(&directory).copies())))
}

fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Directory<'a>, Layout<'a>), DecodeError> {
    let directory = Directory::first(bytes).ok_or_else(truncated)?;
    if !directory.is_whole(is_about_pixels) {
        return Err(truncated());
    }
    let layout = Layout::of(&directory, limits)?;
    let rgb = (layout.width * layout.height * 3) as u64;
    let chunk = layout.chunk_bytes();
    let explained = (rgb * 3).saturating_add(SPARE);
    if rgb.saturating_add(chunk) > limits.max_bytes || chunk > explained {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    Ok((directory, layout))
}

/// Whether an entry describes the storage or the orientation of pixels. Others, such as names and dates, may be lost.
fn is_about_pixels(tag: u64) -> bool {
    matches!(tag, 256..=532 | XMP) && !matches!(tag, 269..=272 | 282..=283 | 305..=306 | 315..=316)
}

fn orientation(directory: &Directory<'_>) -> Orientation {
    of_directory(Some(directory), directory.values(XMP).and_then(|xmp| xmp.bytes()))
}

fn damaged(detail: &str) -> DecodeError {
    DecodeError::Damaged { format: Format::Tiff, detail: detail.to_owned() }
}

fn truncated() -> DecodeError {
    DecodeError::Truncated { format: Format::Tiff }
}

fn unsupported(detail: impl Into<String>) -> DecodeError {
    DecodeError::UnsupportedKind { format: Format::Tiff, detail: detail.into() }
}
