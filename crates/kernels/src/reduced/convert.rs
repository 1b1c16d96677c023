//! Conversion of pixels from f32.

use bytemuck::{Pod, Zeroable};

use super::{Conv, PIXELS, Precision};

/// Pixels to convert.
///
/// In bf16, values become the nearest bf16, ties to even; subnormal numbers become zero. In int8, each pixel gets a
/// grid for the range of its values and zero ([`Grid::of_range`]), and values become the nearest of it, ties to even. A
/// pixel with a NaN or an infinity has a grid of NaN, which makes all its results NaN before they are clamped.
#[derive(Debug)]
pub struct Convert<'a, 's> {
    /// f32 values.
    pub x: &'a [f32],
    /// Stride between pixels of `x`, in values.
    pub stride: usize,
    /// Memory for the result, of at least [`Conv::scratch`] values.
    pub scratch: &'s mut [f32],
}

/// One chunk of the inputs of contiguous pixels, as converted by [`Conv::convert`].
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    /// A pixel's inputs, padded, for all pixels and some that complete the last block.
    pub(super) words: &'a [u32],
    pub(super) words_per_pixel: usize,
    /// In int8, a grid per pixel; otherwise empty.
    pub(super) grids: &'a [Grid],
}

/// The values that the integers of a pixel stand for: `scale * (integer - zero)`.
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Grid {
    /// The difference between adjacent values.
    pub scale: f32,
    /// The integer of zero, in 0..=255.
    pub zero: f32,
}

impl Grid {
    /// The smallest scale; values below half of it become zero. Its reciprocal is finite.
    pub const MIN_SCALE: f32 = 1e-32;

    /// The grid for values of `min..=max`, where `min <= 0` and `max >= 0`.
    #[inline]
    pub fn of_range(min: f32, max: f32) -> Self {
        // Multiplied first, so that the difference is finite.
        let scale = max * (1.0 / 255.0) - min * (1.0 / 255.0);
        // Not `max`, which would ignore NaN.
        let scale = if scale < Self::MIN_SCALE { Self::MIN_SCALE } else { scale };
        Self { scale, zero: (-min * (1.0 / scale)).round_ties_even() }
    }
}

impl<'a> Pixels<'a> {
    /// The pixels from `count` on.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn skip(self, count: usize) -> Self {
        let words = &self.words[count * self.words_per_pixel..];
        let grids = if self.grids.is_empty() { &[] } else { &self.grids[count..] };
        Self { words, grids, ..self }
    }

    /// In int8, the grid of each pixel; otherwise empty.
    pub fn grids(self) -> &'a [Grid] {
        self.grids
    }

    /// The bytes of each pixel, padding included.
    pub fn bytes(self) -> impl Iterator<Item = &'a [u8]> {
        self.words.chunks_exact(self.words_per_pixel).map(bytemuck::cast_slice)
    }
}

impl Conv {
    /// f32 values of scratch to convert `pixels` pixels of a chunk.
    pub fn scratch(&self, chunk: usize, pixels: usize) -> usize {
        let grids = match self.isa.precision() {
            Precision::Bf16 => 0,
            Precision::Int8 => pixels * 2,
        };
        grids + (pixels + PIXELS - 1) * self.words(chunk)
    }

    /// Converts the inputs of a chunk, the first values of each pixel.
    ///
    /// # Panics
    /// When a pixel is too small for its channels, or the scratch for the pixels.
    pub fn convert<'s>(&self, chunk: usize, convert: Convert<'_, 's>) -> Pixels<'s> {
        let Convert { x, stride, scratch } = convert;
        let channels = self.chunks[chunk].len();
        assert!(channels <= stride, "pixels overlap");
        let pixels = x.len() / stride;
        let words_per_pixel = self.words(chunk);
        assert!(scratch.len() >= self.scratch(chunk, pixels), "scratch is too short");
        let int8 = self.isa.precision() == Precision::Int8;
        let (grids, words) = scratch.split_at_mut(if int8 { pixels * 2 } else { 0 });
        let grids: &mut [Grid] = bytemuck::cast_slice_mut(grids);
        let words: &mut [u32] = bytemuck::cast_slice_mut(words);
        self.isa.convert((x, stride, channels), (&mut *words, words_per_pixel), grids);
        Pixels { words, words_per_pixel, grids }
    }
}
