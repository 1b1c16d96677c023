//! Decodes a JPEG with our own decoder, within the limits and upright.

use headstart_jpeg::{Error, Jpeg, Reduction};

use crate::orientation::Orientation;
use crate::{DecodeError, Format, Limits, MinSize, Rgb};

pub(crate) fn decode(bytes: &[u8], limits: &Limits, at_least: MinSize) -> Result<Rgb, DecodeError> {
    let jpeg = Jpeg::new(bytes)?;
    let orientation = orientation(&jpeg);
    let reduction = reduction(&jpeg, at_least);
    memory(&jpeg, reduction, limits)?;
    let pixels = jpeg.decode(reduction)?;
    let picture = Rgb::reduced(jpeg.width(), jpeg.height(), reduction.divisor(), pixels.rgb);
    Ok(picture.expect("there are pixels").oriented(orientation))
}

/// Width and height as stored, and the orientation.
pub(crate) fn header(bytes: &[u8]) -> Result<(u32, u32, Orientation), DecodeError> {
    let jpeg = Jpeg::new(bytes)?;
    // A JPEG's sides are declared in 16 bits.
    Ok((jpeg.width() as u32, jpeg.height() as u32, orientation(&jpeg)))
}

/// The peak memory of decoding, in bytes.
pub(crate) fn estimate(
    bytes: &[u8],
    limits: &Limits,
    at_least: MinSize,
) -> Result<u64, DecodeError> {
    let jpeg = Jpeg::new(bytes)?;
    let reduction = reduction(&jpeg, at_least);
    let decoding = memory(&jpeg, reduction, limits)?;
    let by = reduction.divisor();
    let pixels = jpeg.width().div_ceil(by) * jpeg.height().div_ceil(by);
    Ok(decoding.max(pixels as u64 * 3 * (1 + orientation(&jpeg).copies())))
}

fn orientation(jpeg: &Jpeg<'_>) -> Orientation {
    crate::orientation::orientation(jpeg.exif(), jpeg.xmp())
}

fn reduction(jpeg: &Jpeg<'_>, MinSize { width, height }: MinSize) -> Reduction {
    match orientation(jpeg).turns() {
        false => jpeg.reduction(width, height),
        true => jpeg.reduction(height, width),
    }
}

/// The peak memory of the decoder alone, in bytes.
fn memory(jpeg: &Jpeg<'_>, reduction: Reduction, limits: &Limits) -> Result<u64, DecodeError> {
    limits.check(jpeg.width() as u64, jpeg.height() as u64)?;
    let bytes = jpeg.memory(reduction);
    if bytes > limits.max_bytes {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    Ok(bytes)
}

impl From<Error> for DecodeError {
    fn from(error: Error) -> Self {
        let format = Format::Jpeg;
        match error {
            Error::Truncated => Self::Truncated { format },
            Error::Unsupported(detail) => Self::UnsupportedKind { format, detail },
            Error::Damaged(detail) => Self::Damaged { format, detail },
            other => Self::Damaged { format, detail: other.to_string() },
        }
    }
}
