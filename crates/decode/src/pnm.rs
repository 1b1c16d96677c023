//! PBM, PGM and PPM, in plain text and binary, and PAM (<https://netpbm.sourceforge.net/doc/>).

use crate::samples::over_white;
use crate::{DecodeError, Format, Limits, Rgb};

/// More digits than a number in a header or a plain pixel has. A longer number is invalid.
const MOST_DIGITS: usize = 10;

/// How pixels are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// One digit per pixel; 1 is black.
    PlainBits,
    /// Rows of bits, each padded to whole bytes; 1 is black.
    Bits,
    /// Numbers as text.
    Plain,
    /// Numbers of one byte, or of two bytes (big-endian) if the maximum exceeds 255.
    Binary,
}

struct Header {
    width: usize,
    height: usize,
    layout: Layout,
    /// Samples per pixel: grey, or red, green, blue; with alpha if the number is even.
    samples: usize,
    /// The value of white.
    most: u32,
}

pub(crate) fn decode(bytes: &[u8], limits: &Limits) -> Result<Rgb, DecodeError> {
    let (header, data) = open(bytes, limits)?;
    let Header { width, height, layout, samples, most } = header;
    let pixels = width * height;
    let mut rgb = Vec::with_capacity(pixels * 3);
    match layout {
        Layout::PlainBits => {
            let mut digits = Text { bytes: data, is_pixels: true };
            for _ in 0..pixels {
                rgb.extend_from_slice(&[if digits.bit()? { 0 } else { 255 }; 3]);
            }
        }
        Layout::Bits => {
            let stride = width.div_ceil(8);
            for row in data.get(..stride * height).ok_or_else(truncated)?.chunks_exact(stride) {
                let is_black = |x: usize| row[x / 8] & 0x80 >> (x % 8) != 0;
                rgb.extend((0..width).flat_map(|x| [if is_black(x) { 0 } else { 255 }; 3]));
            }
        }
        Layout::Plain => {
            let mut numbers = Text { bytes: data, is_pixels: true };
            for _ in 0..pixels {
                let mut pixel = [0; 4];
                for sample in &mut pixel[..samples] {
                    *sample = numbers.number()?;
                    if *sample > most {
                        return Err(damaged("a sample is more than its maximum"));
                    }
                }
                rgb.extend(to_rgb(pixel, samples, most));
            }
        }
        Layout::Binary => {
            let wide = 1 + usize::from(most > 255);
            let data = data.get(..pixels * samples * wide).ok_or_else(truncated)?;
            if (samples, most) == (3, 255) {
                rgb.extend_from_slice(data);
                return Rgb::new(width, height, rgb).ok_or_else(|| damaged("it is empty"));
            }
            for stored in data.chunks_exact(samples * wide) {
                let mut pixel = [0; 4];
                for (sample, bytes) in pixel.iter_mut().zip(stored.chunks_exact(wide)) {
                    *sample = bytes.iter().fold(0, |n, &byte| n << 8 | u32::from(byte)).min(most);
                }
                rgb.extend(to_rgb(pixel, samples, most));
            }
        }
    }
    Rgb::new(width, height, rgb).ok_or_else(|| damaged("it is empty"))
}

/// Width and height.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<(u32, u32), DecodeError> {
    let (Header { width, height, .. }, _) = open(bytes, limits)?;
    // The limits ensure that sides fit in 32 bits.
    Ok((width as u32, height as u32))
}

/// The peak memory of decoding, in bytes.
pub(crate) fn estimate(bytes: &[u8], limits: &Limits) -> Result<u64, DecodeError> {
    let (Header { width, height, .. }, _) = open(bytes, limits)?;
    Ok((width * height * 3) as u64)
}

/// The header of a picture within the limits, and its pixels.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(Header, &'a [u8]), DecodeError> {
    let (magic, rest) = bytes.split_at_checked(2).ok_or_else(truncated)?;
    let mut text = Text { bytes: rest, is_pixels: false };
    let (layout, samples) = match magic {
        b"P1" => (Layout::PlainBits, 1),
        b"P2" => (Layout::Plain, 1),
        b"P3" => (Layout::Plain, 3),
        b"P4" => (Layout::Bits, 1),
        b"P5" => (Layout::Binary, 1),
        b"P6" => (Layout::Binary, 3),
        _ => return open_pam(rest, limits),
    };
    let (width, height) = (text.number()?, text.number()?);
    let is_bits = matches!(layout, Layout::PlainBits | Layout::Bits);
    let most = if is_bits { 1 } else { text.number()? };
    Ok((checked((width, height), layout, samples, most, limits)?, text.bytes))
}

/// Parses the header of a PAM: lines of a name and a value.
fn open_pam<'a>(mut rest: &'a [u8], limits: &Limits) -> Result<(Header, &'a [u8]), DecodeError> {
    let (mut width, mut height, mut samples, mut most) = (0, 0, 0, 0);
    loop {
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or_else(truncated)?;
        let (line, after) = (rest[..end].trim_ascii(), &rest[end + 1..]);
        rest = after;
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(name) = words.next() else { continue };
        let place = match name {
            b"WIDTH" => &mut width,
            b"HEIGHT" => &mut height,
            b"DEPTH" => &mut samples,
            b"MAXVAL" => &mut most,
            b"ENDHDR" => break,
            _ => continue,
        };
        *place = words.next().and_then(number).ok_or_else(no_number)?;
    }
    if !(1..=4).contains(&samples) {
        let detail = format!("{samples} samples a pixel");
        return Err(DecodeError::UnsupportedKind { format: Format::Pnm, detail });
    }
    let header = checked((width, height), Layout::Binary, samples as usize, most, limits)?;
    Ok((header, rest))
}

fn checked(
    (width, height): (u32, u32),
    layout: Layout,
    samples: usize,
    most: u32,
    limits: &Limits,
) -> Result<Header, DecodeError> {
    limits.check(width.into(), height.into())?;
    if width == 0 || height == 0 {
        return Err(damaged("it is empty"));
    }
    if !(1..=65535).contains(&most) {
        return Err(damaged("the maximum of its samples is not 1 to 65535"));
    }
    let (width, height) = (width as usize, height as usize);
    if (width * height * 3) as u64 > limits.max_bytes {
        return Err(DecodeError::TooMuchMemory { limit: limits.max_bytes });
    }
    Ok(Header { width, height, layout, samples, most })
}

/// Scales a pixel like Pillow: colours to 8 bits; grey of more bits to 16, of which the high byte
/// is kept.
fn to_rgb(pixel: [u32; 4], samples: usize, most: u32) -> [u8; 3] {
    let to = |value: u32, white: u32| {
        (f64::from(value) / f64::from(most) * f64::from(white)).round_ties_even() as u32
    };
    let [first, second, third, fourth] = pixel;
    let grey = |value: u32| match most {
        255 => value as u8,
        256.. => (to(value, 65535) >> 8) as u8,
        _ => to(value, 255) as u8,
    };
    let colour = |value: u32| to(value, 255) as u8;
    match samples {
        1 => [grey(first); 3],
        2 => [over_white(grey(first), colour(second)); 3],
        3 => [first, second, third].map(colour),
        _ => [first, second, third].map(|value| over_white(colour(value), colour(fourth))),
    }
}

/// Reads numbers separated by white space and comments.
struct Text<'a> {
    bytes: &'a [u8],
    /// Whether the end of the file terminates the last number.
    is_pixels: bool,
}

impl Text<'_> {
    /// The next byte outside comments.
    fn byte(&mut self) -> Option<u8> {
        while let Some((b'#', rest)) = self.bytes.split_first() {
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            self.bytes = end.map_or(&[], |end| &rest[end + 1..]);
        }
        let (&byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(byte)
    }

    /// The next number. Consumes the white space that ends it.
    fn number(&mut self) -> Result<u32, DecodeError> {
        let mut digits = Vec::new();
        loop {
            match self.byte() {
                Some(byte) if is_space(byte) && digits.is_empty() => {}
                Some(byte) if is_space(byte) => break,
                Some(byte) if byte.is_ascii_digit() && digits.len() < MOST_DIGITS => {
                    digits.push(byte);
                }
                Some(_) => return Err(no_number()),
                None if self.is_pixels && !digits.is_empty() => break,
                None => return Err(truncated()),
            }
        }
        number(&digits).ok_or_else(no_number)
    }

    /// The next digit, which must be 0 or 1.
    fn bit(&mut self) -> Result<bool, DecodeError> {
        loop {
            match self.byte().ok_or_else(truncated)? {
                b'0' => return Ok(false),
                b'1' => return Ok(true),
                byte if is_space(byte) => {}
                _ => return Err(no_number()),
            }
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0D)
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn no_number() -> DecodeError {
    damaged("something stands where a number should")
}

fn damaged(detail: &str) -> DecodeError {
    DecodeError::Damaged { format: Format::Pnm, detail: detail.to_owned() }
}

fn truncated() -> DecodeError {
    DecodeError::Truncated { format: Format::Pnm }
}
