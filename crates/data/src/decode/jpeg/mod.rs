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
use self::structure::Structure;
use self::tables::Frame;
use super::rgb::copies;
use super::{AtLeast, DecodeError, Limits, Rgb};
use image::metadata::Orientation;

/// CMYK is taken as Adobe writes it, inverted, with or without its marker: what Pillow does.
pub(super) fn decode(bytes: &[u8], limits: &Limits, at_least: AtLeast) -> Result<Rgb, DecodeError> {
    let structure = structure::header(bytes)?;
    let reduction = structure.reduction(at_least);
    memory(&structure, reduction, limits)?;
    let picture = picture::decode(bytes, &structure, reduction)?;
    Ok(picture.oriented(structure.orientation()))
}

/// Width and height as stored, and how to turn that.
pub(super) fn header(bytes: &[u8]) -> Result<(u32, u32, Orientation), DecodeError> {
    let structure = structure::header(bytes)?;
    let Frame { width, height, .. } = structure.frame;
    // A JPEG's sides are declared in 16 bits.
    Ok((width as u32, height as u32, structure.orientation()))
}

/// The bytes that decoding takes at its peak.
pub(super) fn estimate(
    bytes: &[u8],
    limits: &Limits,
    at_least: AtLeast,
) -> Result<u64, DecodeError> {
    let structure = structure::header(bytes)?;
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
