use std::fmt;

use crate::{DecodeError, SNIFF_BYTES};

/// Defines the formats by a row each: the variant, the usual name, and the file extensions.
macro_rules! formats {
    ($($format:ident $name:literal [$($ending:literal),+];)+) => {
        /// A picture format that [`decode`](crate::decode()) supports. All except JPEG, PNG and PNM need the feature of
        /// the same name; without it, such pictures are refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Format {
            $(#[doc = $name] $format,)+
        }

        impl Format {
            /// All supported formats, each at the index of its number.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$format),+];

            /// The format's usual name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$format => $name,)+
                }
            }

            /// The file extensions of this format, without dot and in lower case. This is the only list of extensions
            /// by which files are taken for pictures.
            pub fn endings(self) -> &'static [&'static str] {
                match self {
                    $(Self::$format => &[$($ending),+],)+
                }
            }
        }
    };
}

// The order is that of numbers in files on disk, so new formats come last.
formats! {
    Jpeg "JPEG" ["jpg", "jpeg", "jpe", "jfif", "jfi", "jif"];
    Png "PNG" ["png", "apng"];
    WebP "WebP" ["webp"];
    Gif "GIF" ["gif"];
    Bmp "BMP" ["bmp", "dib"];
    Tiff "TIFF" ["tif", "tiff"];
    Pnm "PNM" ["ppm", "pgm", "pbm", "pnm", "pam"];
    JpegXl "JPEG XL" ["jxl"];
}

impl Format {
    /// The number that identifies the format in files on disk.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The format with this [`Format::number`].
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The format with this file extension, given without its dot, in upper or lower case.
    pub fn of_ending(ending: &[u8]) -> Option<Self> {
        let is_own = |own: &str| ending.eq_ignore_ascii_case(own.as_bytes());
        Self::ALL.into_iter().find(|format| format.endings().iter().any(|own| is_own(own)))
    }
}

/// Extensions, in lower case, of picture formats that are not supported.
pub const UNREAD_ENDINGS: [&str; 11] =
    ["heic", "heif", "hif", "avif", "jp2", "j2k", "psd", "ico", "qoi", "exr", "svg"];

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Detects the format from the first bytes of a file; [`SNIFF_BYTES`] are enough.
///
/// # Errors
/// [`DecodeError::NotAPicture`] and [`DecodeError::Unsupported`], which name what the content looks like.
pub fn sniff(bytes: &[u8]) -> Result<Format, DecodeError> {
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    if let Some(format) = known(head) {
        return Ok(format);
    }
    if let Some((what, ending)) = unsupported(head) {
        return Err(DecodeError::Unsupported { what, ending });
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
    } else if is_pnm(head) {
        Some(Format::Pnm)
    } else if at(0, b"\xFF\x0A") || at(0, b"\0\0\0\x0CJXL \r\n\x87\n") {
        Some(Format::JpegXl)
    } else {
        None
    }
}

/// Whether this is a PNM. A text may also begin with the magic number, but not with a number or a comment after it.
fn is_pnm(head: &[u8]) -> bool {
    match head {
        [b'P', b'7', b'\n', ..] => true,
        [b'P', b'1'..=b'6', rest @ ..] => {
            let next = rest.iter().position(|byte| !byte.is_ascii_whitespace());
            next.is_some_and(|at| rest[at] == b'#' || at > 0 && rest[at].is_ascii_digit())
        }
        _ => false,
    }
}

/// Whether the size of the BMP header is one of the possible values. "BM" alone may also begin a text.
fn bmp_header_size(head: &[u8]) -> bool {
    head.get(14..18).is_some_and(|b| matches!(b, [12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

/// The name of an unsupported format, and the extension of its files.
fn unsupported(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const AVIF: (&str, &str) = ("AVIF", "avif");
    const HEIC: (&str, &str) = ("HEIC", "heic");
    if head.get(4..8) == Some(b"ftyp") {
        // The major brand, and the compatible brands.
        let end = usize::from(*head.get(3)?).min(head.len());
        let brands = head.get(8..end)?.as_chunks::<4>().0;
        let is = |names: &[&[u8; 4]]| brands.iter().any(|brand| names.contains(&brand));
        if is(&[b"avif", b"avis"]) {
            return Some(AVIF);
        }
        return is(&[
            b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"mif2", b"msf1",
        ])
        .then_some(HEIC);
    }
    const MAGIC: [(&[u8], (&str, &str)); 7] = [
        (b"\0\0\0\x0CjP  \r\n", ("JPEG 2000", "jp2")),
        (b"\xFF\x4F\xFF\x51", ("JPEG 2000", "j2k")),
        (b"8BPS", ("Photoshop", "psd")),
        (b"\0\0\x01\0", ("icon", "ico")),
        (b"qoif", ("QOI", "qoi")),
        (b"\x76\x2F\x31\x01", ("OpenEXR", "exr")),
        (b"DDS ", ("DDS", "dds")),
    ];
    MAGIC.iter().find(|(magic, _)| head.starts_with(magic)).map(|&(_, what)| what)
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
        // The end of the head may cut a character.
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
        let cases: [(&[u8], &str); 25] = [
            (b"P1 is the first of six", "not a picture (text)"),
            (b"P3", "not a picture (text)"),
            (b"P7 W", "not a picture (text)"),
            (
                b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif",
                "AVIF pictures are not supported; convert a folder: magick mogrify -format jpg *.avif",
            ),
            (
                b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic",
                "HEIC pictures are not supported; convert a folder: magick mogrify -format jpg *.heic",
            ),
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
                "HEIC pictures are not supported; convert a folder: magick mogrify -format jpg *.heic",
            ),
            (
                b"\0\0\0\x20ftypavif",
                "AVIF pictures are not supported; convert a folder: magick mogrify -format jpg *.avif",
            ),
            (b"\xFF\xD8", "not a picture (unknown content)"),
            (b"\x89PNG", "not a picture (unknown content)"),
            (b"\xFF\xFEh\0i\0", "not a picture (text)"),
            (b"\x7FELF", "not a picture (program)"),
        ];
        for (bytes, reason) in cases {
            assert_eq!(sniff(bytes).unwrap_err().to_string(), reason, "{bytes:?}");
        }
        let pictures: [(&[u8], Format); 9] = [
            (b"P6 2 2 255\n", Format::Pnm),
            (b"P2# comment\n2 2", Format::Pnm),
            (b"P7\nWIDTH 2\n", Format::Pnm),
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
