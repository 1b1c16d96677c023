use std::error::Error;
use std::io::{self, Cursor};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::jpeg::one_line;
use super::{DecodeError, Format, Limits, Rgb};

/// Everything but JPEG.
pub(super) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Rgb, DecodeError> {
    let error = |e: ImageError| from_image(e, format, limits);
    if format == Format::WebP && riff_size(bytes) > bytes.len() as u64 {
        return Err(DecodeError::Truncated { format });
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format));
    let mut bounds = image::Limits::no_limits();
    bounds.max_alloc = Some(limits.max_bytes);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(error)?;
    let (width, height) = decoder.dimensions();
    limits.check(u64::from(width), u64::from(height))?;
    if decoder.total_bytes() > limits.max_bytes {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(error)?;
    let picture = Rgb::new(width as usize, height as usize, to_rgb(image))
        .ok_or_else(|| DecodeError::Damaged { format, detail: "it is empty".to_owned() })?;
    Ok(picture.oriented(orientation))
}

/// The size of the file as a RIFF header declares it. Pixels may be complete where it is
/// cut, and the orientation behind them lost.
fn riff_size(bytes: &[u8]) -> u64 {
    bytes
        .get(4..8)
        .map_or(u64::MAX, |b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])) + 8)
}

fn image_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
    }
}

/// 8-bit RGB rows: 16-bit samples keep their high byte, transparency goes onto white.
fn to_rgb(image: DynamicImage) -> Vec<u8> {
    let high = |samples: Vec<u16>| -> Vec<u8> { samples.iter().map(|v| (v >> 8) as u8).collect() };
    match image {
        DynamicImage::ImageLuma8(image) => grey(&image.into_raw()),
        DynamicImage::ImageLumaA8(image) => grey_on_white(&image.into_raw()),
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageRgba8(image) => on_white(&image.into_raw()),
        DynamicImage::ImageLuma16(image) => grey(&high(image.into_raw())),
        DynamicImage::ImageLumaA16(image) => grey_on_white(&high(image.into_raw())),
        DynamicImage::ImageRgb16(image) => high(image.into_raw()),
        DynamicImage::ImageRgba16(image) => on_white(&high(image.into_raw())),
        // Floating point: 0 is black, 1 is white.
        other if other.color().has_alpha() => on_white(&other.into_rgba8().into_raw()),
        other => other.into_rgb8().into_raw(),
    }
}

fn grey(samples: &[u8]) -> Vec<u8> {
    samples.iter().flat_map(|&v| [v; 3]).collect()
}

fn grey_on_white(samples: &[u8]) -> Vec<u8> {
    samples.as_chunks::<2>().0.iter().flat_map(|&[v, a]| [over_white(v, a); 3]).collect()
}

fn on_white(samples: &[u8]) -> Vec<u8> {
    let pixels = samples.as_chunks::<4>().0;
    pixels.iter().flat_map(|&[r, g, b, a]| [r, g, b].map(|v| over_white(v, a))).collect()
}

/// `(value * alpha + 255 * (255 - alpha)) / 255`, rounded to nearest.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn from_image(error: ImageError, format: Format, limits: &Limits) -> DecodeError {
    let detail = one_line(&error.to_string());
    match &error {
        ImageError::Limits(_) => DecodeError::TooMuchMemory { limit: limits.max_bytes },
        ImageError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format }
        }
        ImageError::Unsupported(_) => DecodeError::UnsupportedKind { format, detail },
        // The GIF decoder has it in words only.
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
