//! The orientation of a PNG: from `eXIf`, from the texts in which ImageMagick stores profiles, and from XMP.
//!
//! Chunks: PNG specification, section 11. As in Pillow, the last chunk of a kind counts, including chunks after the
//! pixels.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::orientation::{Orientation, orientation};

/// The maximum size of a decompressed text in bytes, as in Pillow.
const MOST_TEXT: u64 = 1 << 20;

const XMP: &[u8] = b"XML:com.adobe.xmp";
const RAW_PROFILE: &[u8] = b"Raw profile type exif";

/// The orientation of a PNG.
pub(crate) fn of_png(bytes: &[u8]) -> Orientation {
    let (mut exif, mut profile, mut xmp) = (None, None, None);
    for (name, body) in chunks(bytes.get(8..).unwrap_or_default()) {
        if name == b"eXIf" {
            exif = Some(Cow::Borrowed(body));
        }
        match text(name, body) {
            Some((b"exif", text)) if name != b"iTXt" => exif = Some(text),
            Some((RAW_PROFILE, text)) => profile = Some(text),
            Some((XMP, text)) => xmp = Some(text),
            _ => {}
        }
    }
    let exif = exif.or_else(|| profile.map(|text| Cow::Owned(from_hex(&text))));
    orientation(exif.as_deref(), xmp.as_deref())
}

/// The chunks up to the end chunk or the end of the file.
fn chunks(mut rest: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk()?;
        let (name, after) = after.split_first_chunk()?;
        let (body, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        // After a checksum.
        rest = after.get(4..)?;
        (name != b"IEND").then_some((name, body))
    })
}

/// The keyword and the text of a chunk, if its keyword is relevant to the orientation.
fn text<'a>(name: &[u8; 4], body: &'a [u8]) -> Option<(&'a [u8], Cow<'a, [u8]>)> {
    if !matches!(name, b"tEXt" | b"zTXt" | b"iTXt") {
        return None;
    }
    let (keyword, rest) = split_at_zero(body)?;
    if ![b"exif", RAW_PROFILE, XMP].contains(&keyword) {
        return None;
    }
    let (compressed, text) = match (name, rest) {
        (b"zTXt", [0, text @ ..]) => (true, text),
        (b"zTXt", _) => return None,
        (b"iTXt", [compressed, method, rest @ ..]) => {
            let (_language, rest) = split_at_zero(rest)?;
            let (_translated, text) = split_at_zero(rest)?;
            if *compressed != 0 && *method != 0 {
                return None;
            }
            (*compressed != 0, text)
        }
        (b"iTXt", _) => return None,
        _ => (false, rest),
    };
    let text = if compressed { Cow::Owned(unfolded(text)?) } else { Cow::Borrowed(text) };
    Some((keyword, text))
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// Decompresses a text; `None` if it exceeds the limit.
fn unfolded(text: &[u8]) -> Option<Vec<u8>> {
    let mut unfolded = Vec::new();
    ZlibDecoder::new(text).take(MOST_TEXT + 1).read_to_end(&mut unfolded).ok()?;
    (unfolded.len() as u64 <= MOST_TEXT).then_some(unfolded)
}

/// The bytes of a profile, which is in hexadecimal after three lines with its name and length. Empty if it is
/// malformed.
fn from_hex(text: &[u8]) -> Vec<u8> {
    let digits = text.split(|&byte| byte == b'\n').skip(3).flatten();
    let digits = digits.filter(|byte| !byte.is_ascii_whitespace());
    let digits: Option<Vec<u8>> =
        digits.map(|&digit| Some(char::from(digit).to_digit(16)? as u8)).collect();
    let digits = digits.unwrap_or_default();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}
