//! Converts samples to 8-bit red, green and blue, like Pillow.

use super::chunk::{Chunk, number};
use super::layout::{Alpha, Colour, Layout, Number};
use crate::samples::over_white;

/// Writes row `y` of a chunk, as many pixels as fit in `rgb`.
pub(super) fn to_rgb(layout: &Layout<'_>, chunk: &Chunk, y: usize, rgb: &mut [u8]) {
    let pixels = rgb.as_chunks_mut::<3>().0;
    match chunk {
        Chunk::Rgb(data, row) => {
            for (pixel, stored) in pixels.iter_mut().zip(data[y * row..].as_chunks().0) {
                *pixel = *stored;
            }
        }
        Chunk::Samples(data) => {
            let row = &data[y * layout.row_bytes()..][..layout.row_bytes()];
            let sample = |x: usize, c: usize| byte(layout, row, x * layout.samples + c);
            write(layout, pixels, sample);
        }
        Chunk::Planes(planes) => {
            let row = y * layout.row_bytes();
            let sample = |x: usize, c: usize| byte(layout, &planes[c][row..], x);
            write(layout, pixels, sample);
        }
    }
}

/// A sample as 8 bits; a palette index is kept unchanged.
#[inline(always)]
fn byte(layout: &Layout<'_>, row: &[u8], index: usize) -> u8 {
    let bits = layout.bits;
    match (layout.number, bits) {
        (Number::Unsigned, 8) => row[index],
        (Number::Unsigned, 1 | 2 | 4) => {
            let (at, most) = (index * bits, (1_u16 << bits) - 1);
            let value = row[at / 8] >> (8 - bits - at % 8) & most as u8;
            let scale = if layout.colour == Colour::Palette { 1 } else { 255 / most };
            value * scale as u8
        }
        (Number::Unsigned, 16) => row[index * 2 + usize::from(!layout.big_endian)],
        (number_kind, _) => {
            let bytes = bits / 8;
            let value = number(&row[index * bytes..][..bytes], layout.big_endian);
            match (number_kind, bytes) {
                (Number::Unsigned, _) => value.min(255) as u8,
                // Pillow reinterprets the byte.
                (Number::Signed, 1) => value as u8,
                (Number::Signed, 2) => i32::from(value as u16 as i16).clamp(0, 255) as u8,
                (Number::Signed, _) => (value as i32).clamp(0, 255) as u8,
                // Grey ranges from 0 to 255, colours from 0 to 1.
                (Number::Float, _) if layout.colour == Colour::Rgb => {
                    (f32::from_bits(value).clamp(0.0, 1.0) * 255.0).round() as u8
                }
                (Number::Float, _) => f32::from_bits(value) as u8,
            }
        }
    }
}

#[inline(always)]
fn write(layout: &Layout<'_>, pixels: &mut [[u8; 3]], sample: impl Fn(usize, usize) -> u8) {
    // The standard does not define inversion of other number formats, and Pillow does not invert
    // them.
    let inverted = layout.colour == (Colour::Grey { inverted: true })
        && layout.number == Number::Unsigned
        && layout.bits <= 16;
    for (x, pixel) in pixels.iter_mut().enumerate() {
        let (colour, colours) = match layout.colour {
            Colour::Grey { .. } => {
                let value = sample(x, 0);
                ([if inverted { 255 - value } else { value }; 3], 1)
            }
            Colour::Rgb => ([sample(x, 0), sample(x, 1), sample(x, 2)], 3),
            Colour::Palette => (layout.palette[usize::from(sample(x, 0))], 1),
            Colour::Cmyk => (cmyk([0, 1, 2, 3].map(|c| sample(x, c))), 4),
            Colour::YCbCr => (ycbcr([0, 1, 2].map(|c| sample(x, c))), 3),
        };
        *pixel = match layout.alpha {
            None => colour,
            Some(alpha) => {
                let a = sample(x, colours);
                let straight = |value: u8| match (alpha, a) {
                    (Alpha::Straight, _) | (_, 0) => value,
                    (Alpha::Multiplied, _) => {
                        (u32::from(value) * 255 / u32::from(a)).min(255) as u8
                    }
                };
                colour.map(|value| over_white(straight(value), a))
            }
        };
    }
}

/// `(255 - ink) * (255 - black) / 255`, rounded as in Pillow.
fn cmyk([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let paper = 255 - u32::from(k);
    [c, m, y].map(|ink| {
        let product = u32::from(ink) * paper + 128;
        paper.saturating_sub((product + (product >> 8)) >> 8) as u8
    })
}

/// ITU-R BT.601 in full range, as in JPEG (JFIF 1.02).
fn ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb]
        .map(|value| value.round().clamp(0.0, 255.0) as u8)
}
