//! Formats decoded by the `image` crate.

use std::error::Error;
use std::io::{self, Cursor};

use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::error::one_line;
use crate::orientation::Orientation;
use crate::samples::Samples;
use crate::{DecodeError, Format, Limits, Rgb, webp_structure};

/// The memory in bytes that a decoder may allocate beyond the picture's size (or four times the
/// file's size): for metadata, or for a frame or a tile larger than the picture.
const SPARE: u64 = 4 << 20;

pub(crate) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Rgb, DecodeError> {
    let error = |e: ImageError| from_image(e, format, limits);
    if format == Format::WebP && riff_size(bytes) > bytes.len() as u64 {
        return Err(DecodeError::Truncated { format });
    }
    let decoder = open(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    let samples = samples_of(decoder.color_type()).ok_or_else(|| {
        let detail = format!("{:?}", decoder.color_type());
        DecodeError::UnsupportedKind { format, detail }
    })?;
    let mut buffer = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut buffer).map_err(error)?;
    let pixels = samples.to_rgb(buffer);
    let picture = Rgb::new(width as usize, height as usize, pixels)
        .ok_or_else(|| DecodeError::Damaged { format, detail: "it is empty".to_owned() })?;
    Ok(picture.oriented(orientation(bytes, format)))
}

/// Width and height as stored, and the orientation.
pub(crate) fn header(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
) -> Result<(u32, u32, Orientation), DecodeError> {
    let (width, height) = open(bytes, format, limits)?.dimensions();
    Ok((width, height, orientation(bytes, format)))
}

/// The orientation of the stored pixels.
fn orientation(bytes: &[u8], format: Format) -> Orientation {
    match format {
        Format::WebP => webp_structure::orientation_of(bytes),
        _ => Orientation::UPRIGHT,
    }
}

/// The peak memory of decoding, in bytes.
pub(crate) fn estimate(bytes: &[u8], format: Format, limits: &Limits) -> Result<u64, DecodeError> {
    let decoder = open(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let (raw, rgb) = (decoder.total_bytes(), pixels * 3);
    let decoding = raw
        + match format {
            // A canvas, or colour planes and a picture before its transforms are undone.
            Format::Gif | Format::WebP => pixels * 4,
            _ => 0,
        };
    let converting = match samples_of(decoder.color_type()) {
        Some(samples) if samples.in_place() => raw,
        _ => raw + rgb,
    };
    Ok(decoding.max(converting).max(rgb * (1 + orientation(bytes, format).copies())))
}

/// A decoder of a picture within the limits.
fn open<'a>(
    bytes: &'a [u8],
    format: Format,
    limits: &Limits,
) -> Result<impl ImageDecoder + 'a, DecodeError> {
    if format == Format::WebP {
        webp_structure::check(bytes)?;
    }
    let error = |e: ImageError| from_image(e, format, limits);
    let bounds = |bytes: u64| {
        let mut bounds = image::Limits::no_limits();
        bounds.max_alloc = Some(bytes.saturating_add(SPARE).min(limits.max_bytes));
        bounds
    };
    let known = image_format(format).ok_or_else(|| DecodeError::not_in_this_build(format))?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), known);
    // For the data before the picture. A chunk is copied up to three times.
    reader.limits(bounds(bytes.len() as u64 * 4));
    let mut decoder = reader.into_decoder().map_err(error)?;
    let (width, height) = decoder.dimensions();
    limits.check(u64::from(width), u64::from(height))?;
    let raw = decoder.total_bytes();
    if raw > limits.max_bytes {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    decoder.set_limits(bounds(raw)).map_err(error)?;
    Ok(decoder)
}

/// The file size declared in the RIFF header. If the file is shorter, its pixels may be complete
/// and the orientation after them lost.
fn riff_size(bytes: &[u8]) -> u64 {
    bytes
        .get(4..8)
        .map_or(u64::MAX, |b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])) + 8)
}

fn image_format(format: Format) -> Option<ImageFormat> {
    match format {
        Format::WebP => Some(ImageFormat::WebP),
        Format::Gif => Some(ImageFormat::Gif),
        Format::Bmp => Some(ImageFormat::Bmp),
        _ => None,
    }
}

fn samples_of(color: ColorType) -> Option<Samples> {
    let (channels, bytes) = match color {
        ColorType::L8 => (1, 1),
        ColorType::La8 => (2, 1),
        ColorType::Rgb8 => (3, 1),
        ColorType::Rgba8 => (4, 1),
        ColorType::L16 => (1, 2),
        ColorType::La16 => (2, 2),
        ColorType::Rgb16 => (3, 2),
        ColorType::Rgba16 => (4, 2),
        _ => return None,
    };
    Some(Samples { channels, bytes })
}

fn from_image(error: ImageError, format: Format, limits: &Limits) -> DecodeError {
    let detail = one_line(&error.to_string());
    match &error {
        ImageError::Limits(_) => DecodeError::TooMuchMemory { limit: limits.max_bytes },
        ImageError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        ImageError::Unsupported(_) => DecodeError::UnsupportedKind { format, detail },
        // The GIF decoder reports this only in its message.
        _ if ended_early(&error) || detail.ends_with("Unexpected End of File") => {
            DecodeError::Truncated { format }
        }
        _ => DecodeError::Damaged { format, detail },
    }
}

fn ended_early(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof)
        || error.source().is_some_and(ended_early)
}
