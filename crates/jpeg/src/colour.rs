//! Converts lines of components to lines of RGB. Coefficients: ITU-T T.871 (JFIF).

use crate::tables::Colour;

/// Pixels processed at a time.
const CHUNK: usize = 64;

/// Writes a line. The components that `colour` uses are at least as long as it.
#[inline(always)]
pub(crate) fn to_rgb(colour: Colour, components: &[&[u8]; 4], out: &mut [u8]) {
    let out = out.as_chunks_mut().0;
    let [a, b, c, k] = components;
    match colour {
        Colour::Grey => three(a, a, a, out, |a, b, c| [a, b, c]),
        Colour::Rgb => three(a, b, c, out, |a, b, c| [a, b, c]),
        Colour::YCbCr => three(a, b, c, out, from_ycc),
        Colour::Cmyk => {
            three(a, b, c, out, |a, b, c| [a, b, c]);
            darken(k, out);
        }
        Colour::Ycck => {
            three(a, b, c, out, |a, b, c| from_ycc(a, b, c).map(|v| 255 - v));
            darken(k, out);
        }
    }
}

/// Makes a pixel of every three samples.
#[inline(always)]
fn three(a: &[u8], b: &[u8], c: &[u8], out: &mut [[u8; 3]], pixel: impl Fn(u8, u8, u8) -> [u8; 3]) {
    let whole = out.len() / CHUNK * CHUNK;
    let (chunks, rest) = out.as_chunks_mut::<CHUNK>();
    let [a_chunks, b_chunks, c_chunks] = [a, b, c].map(|line| line.as_chunks::<CHUNK>().0);
    for (((out, a), b), c) in chunks.iter_mut().zip(a_chunks).zip(b_chunks).zip(c_chunks) {
        // Computing colours and interleaving them are separate loops: compilers vectorise each, but
        // write single bytes if both are in one loop.
        let mut planes = [[0; CHUNK]; 3];
        for i in 0..CHUNK {
            let [r, g, b] = pixel(a[i], b[i], c[i]);
            (planes[0][i], planes[1][i], planes[2][i]) = (r, g, b);
        }
        for i in 0..CHUNK {
            out[i] = [planes[0][i], planes[1][i], planes[2][i]];
        }
    }
    let [a, b, c] = [a, b, c].map(|line| &line[whole..]);
    for (((out, &a), &b), &c) in rest.iter_mut().zip(a).zip(b).zip(c) {
        *out = pixel(a, b, c);
    }
}

/// Rounds to nearest. The factors are in units of 2^-16.
#[inline(always)]
fn from_ycc(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let y = (y << 16) + (1 << 15);
    let sample = |x: i32| (x >> 16).clamp(0, 255) as u8;
    [sample(y + 91_881 * cr), sample(y - 22_554 * cb - 46_802 * cr), sample(y + 116_130 * cb)]
}

/// Multiplies by inverted black.
#[inline(always)]
fn darken(black: &[u8], out: &mut [[u8; 3]]) {
    for (rgb, &k) in out.iter_mut().zip(black) {
        *rgb = rgb.map(|v| ((u32::from(v) * u32::from(k) + 127) / 255) as u8);
    }
}
