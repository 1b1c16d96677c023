//! JPEG, sequential and progressive, in full or to a part of the size (ITU-T T.81).

mod bits;
mod colour;
mod component;
mod huffman;
mod picture;
mod scan;
mod structure;
mod tables;
mod transform;
mod upsample;

use self::picture::Picture;
use self::structure::{Structure, header};
use super::rgb::copies;
use super::{AtLeast, DecodeError, Limits, Rgb};

/// CMYK is taken as Adobe writes it, inverted, with or without its marker: what Pillow does.
pub(super) fn decode(bytes: &[u8], limits: &Limits, at_least: AtLeast) -> Result<Rgb, DecodeError> {
    let structure = header(bytes)?;
    let reduction = structure.reduction(at_least);
    memory(&structure, reduction, limits)?;
    let picture = picture::decode(bytes, &structure, reduction)?;
    Ok(picture.oriented(structure.orientation()))
}

/// The bytes that decoding takes at its peak.
pub(super) fn estimate(
    bytes: &[u8],
    limits: &Limits,
    at_least: AtLeast,
) -> Result<u64, DecodeError> {
    let structure = header(bytes)?;
    let reduction = structure.reduction(at_least);
    let decoding = memory(&structure, reduction, limits)?;
    let pixels =
        structure.frame.width.div_ceil(reduction) * structure.frame.height.div_ceil(reduction);
    Ok(decoding.max(pixels as u64 * 3 * (1 + copies(structure.orientation()))))
}

/// The bytes that the decoder itself takes: the picture, a few rows, and the coefficients where they
/// are kept.
fn memory(
    structure: &Structure<'_>,
    reduction: usize,
    limits: &Limits,
) -> Result<u64, DecodeError> {
    limits.check(structure.frame.width as u64, structure.frame.height as u64)?;
    let bytes = Picture::new(structure, reduction).bytes();
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
