//! The segments of a JPEG, walked without decoding.
//!
//! Decoders differ in what they make of a file that ends early; walking its segments to
//! the end-of-image marker finds that for certain, and the declared size before anything
//! is allocated. Markers and segments: ITU-T T.81, annex B.

use super::{DecodeError, Format};

pub(super) struct Structure<'a> {
    pub(super) width: u64,
    pub(super) height: u64,
    /// Components (colour channels) of the frame.
    pub(super) components: u64,
    /// All coefficients are held in memory until the last scan.
    pub(super) whole_in_memory: bool,
    /// Bytes lie between the segments that belong to none: odd, and harmless.
    pub(super) stray_bytes: bool,
    /// The first EXIF data.
    pub(super) exif: Option<&'a [u8]>,
}

const TRUNCATED: DecodeError = DecodeError::Truncated { format: Format::Jpeg };

fn damaged(detail: &str) -> DecodeError {
    DecodeError::Damaged { format: Format::Jpeg, detail: detail.to_owned() }
}

/// Walks all segments up to the end-of-image marker; what follows it does not matter.
pub(super) fn walk(bytes: &[u8]) -> Result<Structure<'_>, DecodeError> {
    walk_to(bytes, None)
}

/// Walks the segments before the first scan, which say how much memory decoding takes.
pub(super) fn walk_header(bytes: &[u8]) -> Result<Structure<'_>, DecodeError> {
    walk_to(bytes, Some(1))
}

/// Walks the segments up to the end, or to the beginning of the data of scan `last`.
fn walk_to(bytes: &[u8], last: Option<usize>) -> Result<Structure<'_>, DecodeError> {
    const EXIF: &[u8] = b"Exif\0\0";
    let mut exif = None;
    let mut frame: Option<Structure<'_>> = None;
    let mut stray_bytes = false;
    let mut scans = 0;
    let mut scan_components = 0;
    let mut at = 2;
    loop {
        let start = at;
        while *bytes.get(at).ok_or(TRUNCATED)? != 0xFF {
            at += 1;
        }
        while *bytes.get(at).ok_or(TRUNCATED)? == 0xFF {
            at += 1;
        }
        stray_bytes |= bytes[start] != 0xFF;
        let marker = bytes[at];
        at += 1;
        match marker {
            // Stuffing, TEM and restarts stand alone.
            0x00 | 0x01 | 0xD0..=0xD8 => {
                stray_bytes |= marker == 0x00;
                continue;
            }
            0xD9 => break,
            _ => {}
        }
        let length = match bytes.get(at..at + 2) {
            Some(b) => usize::from(u16::from_be_bytes([b[0], b[1]])),
            None => return Err(TRUNCATED),
        };
        if length < 2 {
            return Err(damaged("a segment's length is below 2"));
        }
        let segment = bytes.get(at + 2..at + length).ok_or(TRUNCATED)?;
        at += length;
        match marker {
            // Start of frame; the other three of the range are tables.
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                let [_, h1, h0, w1, w0, components, ..] = *segment else {
                    return Err(damaged("its frame header is too short"));
                };
                frame = Some(Structure {
                    width: u64::from(u16::from_be_bytes([w1, w0])),
                    height: u64::from(u16::from_be_bytes([h1, h0])),
                    components: u64::from(components),
                    whole_in_memory: marker == 0xC2,
                    stray_bytes: false,
                    exif: None,
                });
            }
            0xE1 if exif.is_none() => exif = segment.strip_prefix(EXIF),
            0xDA => {
                scans += 1;
                if scans == 1 {
                    scan_components = u64::from(segment.first().copied().unwrap_or(0));
                }
                if Some(scans) == last {
                    break;
                }
                at = end_of_scan(bytes, at)?;
            }
            _ => {}
        }
    }
    let mut frame = frame.ok_or_else(|| damaged("it has no frame header"))?;
    if scans == 0 {
        return Err(damaged("it has no picture data"));
    }
    frame.whole_in_memory |= scan_components < frame.components;
    (frame.stray_bytes, frame.exif) = (stray_bytes, exif);
    Ok(frame)
}

/// Where the marker stands that ends the entropy-coded data beginning at `at`.
fn end_of_scan(bytes: &[u8], mut at: usize) -> Result<usize, DecodeError> {
    loop {
        let rest = bytes.get(at..).ok_or(TRUNCATED)?;
        at += rest.iter().position(|&b| b == 0xFF).ok_or(TRUNCATED)?;
        match bytes.get(at + 1) {
            None => return Err(TRUNCATED),
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            Some(_) => return Ok(at),
        }
    }
}
