use image::metadata::Orientation;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::jpeg_structure::{Structure, walk, walk_header};
use super::{DecodeError, Format, Limits, Rgb};

/// CMYK is taken as Adobe writes it, inverted, with or without its marker: what Pillow does.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    let structure = walk(bytes)?;
    memory(&structure, limits)?;
    let options = DecoderOptions::default()
        // Strict, or what cannot be decoded is filled with grey. Strict also refuses stray
        // bytes between segments, which harm nothing.
        .set_strict_mode(!structure.stray_bytes)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let damaged = |detail: String| DecodeError::Damaged { format: Format::Jpeg, detail };
    let pixels = decoder.decode().map_err(|e| damaged(one_line(&e.to_string())))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let picture =
        Rgb::new(width, height, pixels).ok_or_else(|| damaged("it is empty".to_owned()))?;
    let orientation = decoder.exif().and_then(|exif| Orientation::from_exif_chunk(exif));
    // Its coefficients, before a turned copy is made.
    drop(decoder);
    Ok(picture.oriented(orientation.unwrap_or(Orientation::NoTransforms)))
}

/// Width and height as stored, and how to turn that.
pub(super) fn header(bytes: &[u8]) -> Result<(u32, u32, Orientation), DecodeError> {
    let structure = walk_header(bytes)?;
    let orientation = structure.exif.and_then(Orientation::from_exif_chunk);
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    // A JPEG's sides are declared in 16 bits.
    Ok((structure.width as u32, structure.height as u32, orientation))
}

/// The bytes that decoding takes at its peak.
pub(super) fn estimate(bytes: &[u8], limits: &Limits) -> Result<u64, DecodeError> {
    let structure = walk_header(bytes)?;
    let decoding = memory(&structure, limits)?;
    let orientation = structure.exif.and_then(Orientation::from_exif_chunk);
    let turning = orientation.map_or(0, super::rgb::copies);
    Ok(decoding.max(structure.width * structure.height * 3 * (1 + turning)))
}

/// The bytes that the decoder itself takes: the picture, and the coefficients where they are kept.
fn memory(structure: &Structure<'_>, limits: &Limits) -> Result<u64, DecodeError> {
    let (width, height) = (structure.width, structure.height);
    limits.check(width, height)?;
    let coefficients = if structure.whole_in_memory { structure.components * 2 } else { 0 };
    let bytes = width * height * (3 + coefficients);
    if bytes > limits.max_bytes {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    Ok(bytes)
}

/// A decoder's message without line breaks, quotes and its final full stop.
pub(super) fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    words.join(" ").trim_matches(['"', '.']).to_owned()
}
