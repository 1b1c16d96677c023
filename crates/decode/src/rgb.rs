use std::fmt;

use crate::orientation::Orientation;
use crate::samples::over_white;

/// A picture: 8-bit red, green, blue, row by row from the top left.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    covered: Covered,
}

/// The part of the pixels that a reduced picture covers.
///
/// If the divisor does not divide a side, the picture ends within its last pixel. Units are
/// `1 / divisor` of a pixel, that is, pixels of the original picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The reduction factor, at least 1.
    pub divisor: usize,
    /// How much of the first column the picture does not cover, less than `divisor`.
    pub left: usize,
    /// How much of the first row the picture does not cover, less than `divisor`.
    pub top: usize,
    /// Width of the original picture.
    pub width: usize,
    /// Height of the original picture.
    pub height: usize,
}

impl Covered {
    /// The covered part after turning; `pixels` is the width and height before.
    fn oriented(self, orientation: Orientation, pixels: (usize, usize)) -> Self {
        let Self { divisor, left, top, width, height } = self;
        let right = pixels.0 * divisor - left - width;
        let bottom = pixels.1 * divisor - top - height;
        let across = if orientation.flips_columns() { right } else { left };
        let down = if orientation.flips_rows() { bottom } else { top };
        if orientation.turns() {
            return Self { divisor, left: down, top: across, width: height, height: width };
        }
        Self { divisor, left: across, top: down, width, height }
    }
}

impl Rgb {
    /// A picture of `width` x `height` pixels from `height * width * 3` bytes, shape (height,
    /// width, 3). `None` if a side is zero or the number of bytes differs.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        let covered = Covered { divisor: 1, left: 0, top: 0, width, height };
        (bytes > 0 && bytes == pixels.len()).then_some(Self { width, height, pixels, covered })
    }

    /// A picture from `height * width * 4` bytes, shape (height, width, 4), with straight (not
    /// premultiplied) alpha. It is composed on white, as [`decode`](crate::decode()) does. `None`
    /// as in [`Rgb::new`].
    pub fn from_rgba(width: usize, height: usize, pixels: &[u8]) -> Option<Self> {
        let (pixels, rest) = pixels.as_chunks();
        let rgb = |&[red, green, blue, alpha]: &[u8; 4]| {
            [red, green, blue].map(|value| over_white(value, alpha))
        };
        let rgb = pixels.iter().flat_map(rgb).collect();
        Self::new(width, height, rgb).filter(|_| rest.is_empty())
    }

    /// A picture of `width` x `height` pixels that was reduced. Each of the given pixels stands for
    /// `divisor` x `divisor` original ones, or for fewer at the right and bottom edges. `None`
    /// unless the number of pixels per side is the original side divided by `divisor`, rounded up.
    pub fn reduced(width: usize, height: usize, divisor: usize, pixels: Vec<u8>) -> Option<Self> {
        let side = |whole: usize| (divisor > 0).then(|| whole.div_ceil(divisor));
        let reduced = Self::new(side(width)?, side(height)?, pixels)?;
        let covered = Covered { divisor, left: 0, top: 0, width, height };
        Some(Self { covered, ..reduced })
    }

    /// The part of the pixels that the picture covers: all of them, unless it was reduced.
    pub fn covered(&self) -> Covered {
        self.covered
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The samples, shape (height, width, 3), each in `0..=255`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The samples by value, shape (height, width, 3).
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// A hash of the size and pixels, independent of the file: equal pictures have equal hashes.
    pub fn content_hash(&self) -> ContentHash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.width as u64).to_le_bytes());
        hasher.update(&(self.height as u64).to_le_bytes());
        hasher.update(&self.pixels);
        ContentHash::from_blake3(&hasher.finalize())
    }

    pub(crate) fn oriented(self, orientation: Orientation) -> Self {
        let (width, height) = match orientation.turns() {
            false => (self.width, self.height),
            true => (self.height, self.width),
        };
        let covered = self.covered.oriented(orientation, (self.width, self.height));
        Self { width, height, pixels: orientation.apply(self.pixels, self.width), covered }
    }
}

impl fmt::Debug for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rgb({} x {}, {:?})", self.width, self.height, self.content_hash())
    }
}

/// The first 16 bytes of the BLAKE3 hash of a picture's size and pixels, as decoded. For a reduced
/// picture, these are the reduced ones.
///
/// With 128 bits, the probability that any two of a billion pictures collide is 1e-21.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 16]);

impl ContentHash {
    /// Creates the hash from a BLAKE3 hash of other data that identifies the pixels.
    pub fn from_blake3(hash: &blake3::Hash) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        Self(short)
    }
}

impl fmt::Display for ContentHash {
    /// Writes 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_picture_turned_and_turned_back_is_as_it_was(
            width in 1..20_usize, height in 1..20_usize, exif in 1..=8_u8, seed: u8,
        ) {
            let sample = |i: usize| (i as u8).wrapping_mul(31) ^ seed;
            let pixels = (0..width * height * 3).map(sample).collect();
            let reduced = (width * 8 - usize::from(seed % 8), height * 8 - usize::from(seed / 8 % 8));
            let picture = Rgb::reduced(reduced.0, reduced.1, 8, pixels).unwrap();
            // All orientations except the quarter turns are their own inverse.
            let back = match exif { 6 => 8, 8 => 6, other => other };
            let turn = |picture: Rgb, exif| picture.oriented(Orientation::from_exif(exif).unwrap());
            let turned = turn(picture.clone(), exif);
            let sides = if exif > 4 { (height, width) } else { (width, height) };
            prop_assert_eq!((turned.width(), turned.height()), sides);
            // Marks the covered pixels, to check that turning them matches turning the covered
            // part.
            let inside = |i: usize| i % (width * 8) < reduced.0 && i / (width * 8) < reduced.1;
            let mask = (0..width * height * 64).flat_map(|i| [u8::from(inside(i)); 3]).collect();
            let mask = turn(Rgb::new(width * 8, height * 8, mask).unwrap(), exif);
            let first = mask.pixels().iter().position(|&v| v == 1).unwrap() / 3;
            let Covered { divisor, left, top, width: across, height: down } = turned.covered();
            prop_assert_eq!((divisor, left, top), (8, first % mask.width(), first / mask.width()));
            let sides = if exif > 4 { (reduced.1, reduced.0) } else { reduced };
            prop_assert_eq!((across, down), sides);
            prop_assert_eq!(turn(turned, back), picture);
        }
    }
}
