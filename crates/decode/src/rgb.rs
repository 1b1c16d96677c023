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

/// The part of the pixels that the picture lies on, where it was reduced: a line that the divisor
/// does not divide ends within a pixel. In units of `1 / divisor` of a pixel, which are the pixels
/// of the picture as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// By how much the picture was reduced, at least 1.
    pub divisor: usize,
    /// What of the first column the picture does not lie on, less than `divisor`.
    pub left: usize,
    /// What of the first row the picture does not lie on, less than `divisor`.
    pub top: usize,
    /// Width of the picture as it was.
    pub width: usize,
    /// Height of the picture as it was.
    pub height: usize,
}

impl Covered {
    /// Of a picture of this size that was turned; `pixels` is its width and height before.
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
    /// A picture of `width` x `height` pixels from `height * width * 3` bytes, shape
    /// (height, width, 3). `None` when a side is zero or the number of bytes another.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        let covered = Covered { divisor: 1, left: 0, top: 0, width, height };
        (bytes > 0 && bytes == pixels.len()).then_some(Self { width, height, pixels, covered })
    }

    /// A picture from `height * width * 4` bytes, shape (height, width, 4), whose alpha is not
    /// premultiplied, composed on white as pictures of files are. `None` as in [`Rgb::new`].
    pub fn from_rgba(width: usize, height: usize, pixels: &[u8]) -> Option<Self> {
        let (pixels, rest) = pixels.as_chunks();
        let rgb = |&[red, green, blue, alpha]: &[u8; 4]| {
            [red, green, blue].map(|value| over_white(value, alpha))
        };
        let rgb = pixels.iter().flat_map(rgb).collect();
        Self::new(width, height, rgb).filter(|_| rest.is_empty())
    }

    /// A picture of `width` x `height` pixels that was reduced: each of the pixels stands for
    /// `divisor` x `divisor`, those at the right and at the bottom possibly for less. `None` when
    /// there is not a pixel for every `divisor` begun of each side, and not one more.
    pub fn reduced(width: usize, height: usize, divisor: usize, pixels: Vec<u8>) -> Option<Self> {
        let side = |whole: usize| (divisor > 0).then(|| whole.div_ceil(divisor));
        let reduced = Self::new(side(width)?, side(height)?, pixels)?;
        let covered = Covered { divisor, left: 0, top: 0, width, height };
        Some(Self { covered, ..reduced })
    }

    /// What of the pixels the picture lies on: all, unless it was reduced.
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

    /// What this picture shows, whatever file it came from: equal for equal pixels and size.
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

/// The first 16 bytes of the BLAKE3 hash of a picture's size and pixels, as they were decoded: of a
/// picture that was reduced meanwhile, those of the reduced one.
///
/// 128 bits: that any two of a billion pictures agree by accident has a chance of 1e-21.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash(pub [u8; 16]);

impl ContentHash {
    /// Of a hash of anything else that stands for pixels.
    pub fn from_blake3(hash: &blake3::Hash) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        Self(short)
    }
}

impl fmt::Display for ContentHash {
    /// 32 hexadecimal digits.
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
            // All but the quarter turns undo themselves.
            let back = match exif { 6 => 8, 8 => 6, other => other };
            let turn = |picture: Rgb, exif| picture.oriented(Orientation::from_exif(exif).unwrap());
            let turned = turn(picture.clone(), exif);
            let sides = if exif > 4 { (height, width) } else { (width, height) };
            prop_assert_eq!((turned.width(), turned.height()), sides);
            // What the picture does not lie on is turned as pixels there are.
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
