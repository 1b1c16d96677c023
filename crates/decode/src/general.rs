use std::error::Error;
use std::io::{self, Cursor};

use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::orientation::copies;
use crate::png_metadata::of_png;
use crate::{DecodeError, Format, Limits, Rgb, webp_structure};

/// What a decoder may take beside the picture and as much again as that: for metadata, for a frame
/// or a tile that is larger than the picture.
const SPARE: u64 = 4 << 20;

/// What has a decoder in the library: everything but JPEG, TIFF, PNM and JPEG XL.
pub(crate) fn decode(bytes: &[u8], format: Format, limits: &Limits) -> Result<Rgb, DecodeError> {
    let error = |e: ImageError| from_image(e, format, limits);
    if format == Format::WebP && riff_size(bytes) > bytes.len() as u64 {
        return Err(DecodeError::Truncated { format });
    }
    let decoder = open(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    let samples = Samples::of(decoder.color_type()).ok_or_else(|| {
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

/// Width and height as stored, and how to turn that.
pub(crate) fn header(
    bytes: &[u8],
    format: Format,
    limits: &Limits,
) -> Result<(u32, u32, Orientation), DecodeError> {
    let (width, height) = open(bytes, format, limits)?.dimensions();
    Ok((width, height, orientation(bytes, format)))
}

/// How what is stored is to be turned.
fn orientation(bytes: &[u8], format: Format) -> Orientation {
    match format {
        Format::Png => of_png(bytes),
        Format::WebP => webp_structure::orientation_of(bytes),
        _ => Orientation::NoTransforms,
    }
}

/// The bytes that decoding takes at its peak.
pub(crate) fn estimate(bytes: &[u8], format: Format, limits: &Limits) -> Result<u64, DecodeError> {
    let decoder = open(bytes, format, limits)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let (raw, rgb) = (decoder.total_bytes(), pixels * 3);
    let decoding = raw
        + match format {
            // A canvas, or planes of colours and a picture before its transforms are undone.
            Format::Gif | Format::WebP => pixels * 4,
            _ => 0,
        };
    let converting = match Samples::of(decoder.color_type()) {
        Some(samples) if samples.in_place() => raw,
        _ => raw + rgb,
    };
    Ok(decoding.max(converting).max(rgb * (1 + copies(orientation(bytes, format)))))
}

/// The decoder of a picture that is within the limits.
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
    let known =
        image_format(format).ok_or(DecodeError::Unsupported { what: "JPEG XL", ending: "jxl" })?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), known);
    // For what stands before the picture; a chunk is copied up to three times.
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

/// The size of the file as a RIFF header declares it. Pixels may be complete where it is
/// cut, and the orientation behind them lost.
fn riff_size(bytes: &[u8]) -> u64 {
    bytes
        .get(4..8)
        .map_or(u64::MAX, |b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])) + 8)
}

fn image_format(format: Format) -> Option<ImageFormat> {
    Some(match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::WebP => ImageFormat::WebP,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Pnm => ImageFormat::Pnm,
        Format::JpegXl => return None,
    })
}

/// How a decoder lays out a pixel.
#[derive(Clone, Copy)]
pub(crate) struct Samples {
    /// Grey; grey and alpha; red, green, blue; those and alpha.
    pub(crate) channels: usize,
    /// Bytes of each, 1 or 2 in the machine's order.
    pub(crate) bytes: usize,
}

impl Samples {
    fn of(color: ColorType) -> Option<Self> {
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
        Some(Self { channels, bytes })
    }

    /// Whether a pixel is no smaller than its 8-bit RGB, which then takes its place.
    fn in_place(self) -> bool {
        self.channels * self.bytes >= 3
    }

    /// 8-bit RGB rows: 16-bit samples keep their high byte, transparency goes onto white. In the
    /// same memory where there is room: a large picture is not held twice.
    pub(crate) fn to_rgb(self, mut buffer: Vec<u8>) -> Vec<u8> {
        match (self.channels, self.bytes) {
            (1, 1) => expand(&mut buffer, |[v]: [u8; 1]| [v; 3]),
            (2, 1) => expand(&mut buffer, |[v, a]: [u8; 2]| [over_white(v, a); 3]),
            (1, _) => expand(&mut buffer, |[v0, v1]: [u8; 2]| [high([v0, v1]); 3]),
            (2, _) => shrink(&mut buffer, |[v0, v1, a0, a1]: [u8; 4]| {
                [over_white(high([v0, v1]), high([a0, a1])); 3]
            }),
            (3, 1) => {}
            (3, _) => shrink(&mut buffer, |[r0, r1, g0, g1, b0, b1]: [u8; 6]| {
                [high([r0, r1]), high([g0, g1]), high([b0, b1])]
            }),
            (_, 1) => {
                shrink(&mut buffer, |[r, g, b, a]: [u8; 4]| [r, g, b].map(|v| over_white(v, a)))
            }
            _ => shrink(&mut buffer, |[r0, r1, g0, g1, b0, b1, a0, a1]: [u8; 8]| {
                [[r0, r1], [g0, g1], [b0, b1]].map(|v| over_white(high(v), high([a0, a1])))
            }),
        }
        buffer
    }
}

/// Makes pixels of `N` bytes ones of three in memory of their own.
fn expand<const N: usize>(buffer: &mut Vec<u8>, pixel: impl Fn([u8; N]) -> [u8; 3]) {
    *buffer = buffer.as_chunks().0.iter().flat_map(|&bytes| pixel(bytes)).collect();
}

/// Makes pixels of `N` bytes, three or more, ones of three where they lie.
fn shrink<const N: usize>(buffer: &mut Vec<u8>, pixel: impl Fn([u8; N]) -> [u8; 3]) {
    let pixels = buffer.len() / N;
    for i in 0..pixels {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&buffer[i * N..][..N]);
        buffer[i * 3..][..3].copy_from_slice(&pixel(bytes));
    }
    buffer.truncate(pixels * 3);
    buffer.shrink_to_fit();
}

/// The high byte of a sample in the machine's order.
fn high(sample: [u8; 2]) -> u8 {
    (u16::from_ne_bytes(sample) >> 8) as u8
}

/// `(value * alpha + 255 * (255 - alpha)) / 255`, rounded to nearest.
pub(crate) fn over_white(value: u8, alpha: u8) -> u8 {
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

/// A decoder's message without line breaks, quotes and its final full stop.
fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    words.join(" ").trim_matches(['"', '.']).to_owned()
}
