use std::fmt;

use crate::{DecodeError, SNIFF_BYTES};

/// A picture format that [`decode`](crate::decode()) reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
    Tiff,
}

impl Format {
    /// All that are read, each at the place of its number.
    const ALL: [Self; 6] = [Self::Jpeg, Self::Png, Self::WebP, Self::Gif, Self::Bmp, Self::Tiff];

    /// Stands for the format in what is kept on disk.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The format of [`Format::number`].
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The endings, without dot and in small letters, that files of this format go by.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif", "jfi", "jif"],
            Self::Png => &["png", "apng"],
            Self::WebP => &["webp"],
            Self::Gif => &["gif"],
            Self::Bmp => &["bmp", "dib"],
            Self::Tiff => &["tif", "tiff"],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Jpeg => "JPEG",
            Format::Png => "PNG",
            Format::WebP => "WebP",
            Format::Gif => "GIF",
            Format::Bmp => "BMP",
            Format::Tiff => "TIFF",
        })
    }
}

/// Tells the format from the first bytes of a file; [`SNIFF_BYTES`] are enough.
///
/// # Errors
/// [`DecodeError::NotAPicture`] and [`DecodeError::Unsupported`], naming what the
/// content looks like instead.
pub fn sniff(bytes: &[u8]) -> Result<Format, DecodeError> {
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if let Some(format) = known(head) {
        return Ok(format);
    }
    if let Some(what) = unsupported(head) {
        return Err(DecodeError::Unsupported { what });
    }
    Err(DecodeError::NotAPicture { what: describe(head) })
}

fn known(head: &[u8]) -> Option<Format> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|b| b.starts_with(magic));
    if at(0, b"\xFF\xD8\xFF") {
        Some(Format::Jpeg)
    } else if at(0, b"\x89PNG\r\n\x1a\n") {
        Some(Format::Png)
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        Some(Format::WebP)
    } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
        Some(Format::Gif)
    } else if ["II*\0", "MM\0*", "II+\0", "MM\0+"].iter().any(|magic| at(0, magic.as_bytes())) {
        Some(Format::Tiff)
    } else if at(0, b"BM") && bmp_header_size(head) {
        Some(Format::Bmp)
    } else {
        None
    }
}

/// "BM" alone may begin a text; the size of the header that follows is one of a few.
fn bmp_header_size(head: &[u8]) -> bool {
    head.get(14..18).is_some_and(|b| matches!(b, [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

fn unsupported(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8) == Some(b"ftyp") {
        return match head.get(8..12)? {
            b"avif" | b"avis" => Some("AVIF"),
            b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => Some("HEIC"),
            _ => None,
        };
    }
    const MAGIC: [(&[u8], &str); 7] = [
        (b"\xFF\x0A", "JPEG XL"),
        (b"\0\0\0\x0CJXL \r\n", "JPEG XL"),
        (b"\0\0\0\x0CjP  \r\n", "JPEG 2000"),
        (b"8BPS", "Photoshop"),
        (b"\0\0\x01\0", "icon"),
        (b"qoif", "QOI"),
        (b"\x76\x2F\x31\x01", "OpenEXR"),
    ];
    MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what)
}

fn describe(head: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 8] = [
        (b"%PDF", "PDF"),
        (b"PK\x03\x04", "ZIP archive"),
        (b"\x1F\x8B", "gzip archive"),
        (b"Rar!", "RAR archive"),
        (b"7z\xBC\xAF\x27\x1C", "7z archive"),
        (b"\x7FELF", "program"),
        (b"RIFF", "audio or video"),
        (b"\x1A\x45\xDF\xA3", "video"),
    ];
    if head.is_empty() {
        return "empty file";
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return what;
    }
    if head.get(4..8) == Some(b"ftyp") {
        return "video";
    }
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return "text";
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character may be cut by the end of the head.
        Err(e) if e.error_len().is_none() => {
            std::str::from_utf8(&head[..e.valid_up_to()]).unwrap_or("")
        }
        Err(_) => return "unknown content",
    };
    if text.is_empty()
        || text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0C'))
    {
        return "unknown content";
    }
    let start: String =
        text.trim_start().chars().take(200).collect::<String>().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        "a web page"
    } else if start.contains("<svg") {
        "SVG drawing"
    } else {
        "text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_and_not_the_name_tells_what_a_file_is() {
        let cases: [(&[u8], &str); 20] = [
            (b"", "not a picture (empty file)"),
            (b"hello, world\n", "not a picture (text)"),
            (
                "naïve text cut in a character é".as_bytes().split_last().unwrap().1,
                "not a picture (text)",
            ),
            (b"BMX bikes are a kind of bicycle", "not a picture (text)"),
            (b"BM", "not a picture (text)"),
            (b"<!DOCTYPE html><html>404", "not a picture (a web page)"),
            (b"<?xml version='1.0'?><svg/>", "not a picture (SVG drawing)"),
            (b"{\"a\": 1}", "not a picture (text)"),
            (b"\0\0\0\0\0\0\0\0", "not a picture (unknown content)"),
            (b"\xE9", "not a picture (unknown content)"),
            (b"%PDF-1.4", "not a picture (PDF)"),
            (b"PK\x03\x04....", "not a picture (ZIP archive)"),
            (b"RIFF....WAVE", "not a picture (audio or video)"),
            (b"\0\0\0\x20ftypisom", "not a picture (video)"),
            (
                b"\0\0\0\x20ftypheic",
                "HEIC pictures cannot be read; convert to JPEG, PNG, WebP, GIF, BMP or TIFF",
            ),
            (
                b"\0\0\0\x20ftypavif",
                "AVIF pictures cannot be read; convert to JPEG, PNG, WebP, GIF, BMP or TIFF",
            ),
            (b"\xFF\xD8", "not a picture (unknown content)"),
            (b"\x89PNG", "not a picture (unknown content)"),
            (b"\xFF\xFEh\0i\0", "not a picture (text)"),
            (b"\x7FELF", "not a picture (program)"),
        ];
        for (bytes, reason) in cases {
            assert_eq!(sniff(bytes).unwrap_err().to_string(), reason, "{bytes:?}");
        }
        let pictures: [(&[u8], Format); 6] = [
            (b"\xFF\xD8\xFF\xE0", Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Format::Png),
            (b"RIFF\0\0\0\0WEBPVP8 ", Format::WebP),
            (b"GIF89a", Format::Gif),
            (b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0", Format::Bmp),
            (b"MM\0*", Format::Tiff),
        ];
        for (bytes, format) in pictures {
            assert_eq!(sniff(bytes).unwrap(), format);
        }
    }
}
