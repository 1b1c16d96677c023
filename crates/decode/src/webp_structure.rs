//! Walks the chunks of a WebP without decoding.
//!
//! A decoder allocates the memory that a frame's bitstream declares, and only then compares the
//! frame with the picture; here they are compared first. Chunks: RFC 9649, section 2.

use crate::orientation::{Orientation, orientation};
use crate::{DecodeError, Format};

/// Chunks for which a decoder allocates memory before reading them.
const READ_WHOLE: [&[u8; 4]; 3] = [b"EXIF", b"ICCP", b"XMP "];

/// Checks the declared sizes of frames and chunks.
///
/// # Errors
/// If the bitstream of a frame is larger than the picture, or a chunk is longer than the file.
pub(crate) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut chunks = chunks(bytes.get(12..).unwrap_or_default());
    // Without this chunk, the bitstream itself declares the size of the picture.
    let Some(Chunk { name: b"VP8X", body, .. }) = chunks.next() else { return Ok(()) };
    let side = |at: usize| {
        let [a, b, c] = *body.get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes([a, b, c, 0]) + 1)
    };
    let Some(canvas) = side(4).zip(side(7)) else { return Ok(()) };
    for chunk in chunks {
        if chunk.length > chunk.body.len() && READ_WHOLE.contains(&chunk.name) {
            return Err(DecodeError::Truncated { format: Format::WebP });
        }
        if !fits(&chunk, canvas) {
            let detail = "a frame is larger than the picture".to_owned();
            return Err(DecodeError::Damaged { format: Format::WebP, detail });
        }
    }
    Ok(())
}

/// The orientation of the picture, from the metadata chunks that the first chunk announces.
pub(crate) fn orientation_of(bytes: &[u8]) -> Orientation {
    let mut chunks = chunks(bytes.get(12..).unwrap_or_default());
    let flags = match chunks.next() {
        Some(Chunk { name: b"VP8X", body: &[flags, ..], .. }) => flags,
        _ => return Orientation::UPRIGHT,
    };
    let (mut exif, mut xmp) = (None, None);
    for chunk in chunks {
        match chunk.name {
            b"EXIF" if flags & 8 != 0 => exif = exif.or(Some(chunk.body)),
            b"XMP " if flags & 4 != 0 => xmp = xmp.or(Some(chunk.body)),
            _ => {}
        }
    }
    orientation(exif, xmp)
}

struct Chunk<'a> {
    name: &'a [u8; 4],
    /// The declared length in bytes.
    length: usize,
    /// The data, as far as the file contains it.
    body: &'a [u8],
}

/// Iterates over the chunks.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let body = &after[..length.min(after.len())];
        // A chunk of odd length is followed by a padding byte.
        rest = after.get(length + length % 2..).unwrap_or_default();
        Some(Chunk { name, length, body })
    })
}

/// Whether no bitstream in a chunk is wider or higher than the canvas.
fn fits(chunk: &Chunk<'_>, canvas: (u32, u32)) -> bool {
    match chunk.name {
        // A frame contains chunks of its own. Frames are not nested.
        b"ANMF" => {
            let frame = chunk.body.get(16..).unwrap_or_default();
            chunks(frame).all(|chunk| chunk.name != b"ANMF" && bitstream_fits(&chunk, canvas))
        }
        _ => bitstream_fits(chunk, canvas),
    }
}

fn bitstream_fits(&Chunk { name, body, .. }: &Chunk<'_>, canvas: (u32, u32)) -> bool {
    let size = match name {
        b"VP8 " => body.get(6..10).map(|sides| {
            let side = |i: usize| u32::from(u16::from_le_bytes([sides[i], sides[i + 1]]) & 0x3FFF);
            (side(0), side(2))
        }),
        b"VP8L" => body.get(1..5).map(|bits| {
            let bits = u32::from_le_bytes([bits[0], bits[1], bits[2], bits[3]]);
            ((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
        }),
        _ => None,
    };
    size.is_none_or(|(width, height)| width <= canvas.0 && height <= canvas.1)
}
