use std::io::{self, Cursor};

use png::{BitDepth, ColorType, DecodingError, Reader, Transformations};

use crate::error::one_line;
use crate::orientation::Orientation;
use crate::png_metadata::of_png;
use crate::samples::Samples;
use crate::{DecodeError, Format, Limits, Rgb};

/// The memory in bytes that the decoder may allocate beyond four times the file's size: for
/// metadata.
const SPARE: u64 = 4 << 20;

const FORMAT: Format = Format::Png;

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    let mut png = Png::open(bytes, limits)?;
    let mut buffer = vec![0; png.bytes];
    png.reader.next_frame(&mut buffer).map_err(|e| error(e, limits))?;
    if png.samples.bytes == 2 {
        // Convert from big-endian to native byte order.
        let samples = buffer.as_chunks_mut::<2>().0;
        samples.iter_mut().for_each(|v| *v = u16::from_be_bytes(*v).to_ne_bytes());
    }
    let (width, height) = png.reader.info().size();
    let picture = Rgb::new(width as usize, height as usize, png.samples.to_rgb(buffer))
        .ok_or_else(|| DecodeError::Damaged { format: FORMAT, detail: "it is empty".to_owned() })?;
    Ok(picture.oriented(of_png(bytes)))
}

/// Width and height as stored, and the orientation.
pub(crate) fn header(
    bytes: &[u8],
    limits: &Limits,
) -> Result<(u32, u32, Orientation), DecodeError> {
    let (width, height) = Png::open(bytes, limits)?.reader.info().size();
    Ok((width, height, of_png(bytes)))
}

/// The peak memory of decoding, in bytes.
pub(crate) fn estimate(bytes: &[u8], limits: &Limits) -> Result<u64, DecodeError> {
    let png = Png::open(bytes, limits)?;
    let (width, height) = png.reader.info().size();
    let (raw, rgb) = (png.bytes as u64, u64::from(width) * u64::from(height) * 3);
    let converting = if png.samples.in_place() { raw } else { raw + rgb };
    Ok(converting.max(rgb * (1 + of_png(bytes).copies())))
}

struct Png<'a> {
    reader: Reader<Cursor<&'a [u8]>>,
    samples: Samples,
    /// The size of all samples.
    bytes: usize,
}

impl<'a> Png<'a> {
    /// Reads the data before the pixels of a picture within the limits.
    fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, DecodeError> {
        let error = |e| error(e, limits);
        // A chunk is copied up to three times.
        let most = (bytes.len() as u64 * 4).saturating_add(SPARE).min(limits.max_bytes);
        let most = png::Limits { bytes: usize::try_from(most).unwrap_or(usize::MAX) };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), most);
        let (width, height) = decoder.read_header_info().map_err(error)?.size();
        limits.check(u64::from(width), u64::from(height))?;
        decoder.set_transformations(Transformations::EXPAND);
        let reader = decoder.read_info().map_err(error)?;
        let (color, depth) = reader.output_color_type();
        let channels = match color {
            ColorType::Grayscale => 1,
            ColorType::GrayscaleAlpha => 2,
            // Palettes are expanded to RGB.
            ColorType::Rgb | ColorType::Indexed => 3,
            ColorType::Rgba => 4,
        };
        let samples = Samples { channels, bytes: if depth == BitDepth::Sixteen { 2 } else { 1 } };
        let too_much = DecodeError::TooMuchMemory { limit: limits.max_bytes };
        let bytes = reader.output_buffer_size().filter(|&bytes| bytes as u64 <= limits.max_bytes);
        Ok(Self { reader, samples, bytes: bytes.ok_or(too_much)? })
    }
}

fn error(error: DecodingError, limits: &Limits) -> DecodeError {
    match error {
        DecodingError::LimitsExceeded => DecodeError::TooMuchMemory { limit: limits.max_bytes },
        DecodingError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated { format: FORMAT }
        }
        other => DecodeError::Damaged { format: FORMAT, detail: one_line(&other.to_string()) },
    }
}
