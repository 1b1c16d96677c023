//! Conversion of f32 to bf16.

use super::{Bf16, INPUTS};

/// Pixels to round to the nearest bf16, ties to even. Subnormal numbers become zero.
#[derive(Debug)]
pub struct Round<'a> {
    /// f32 values.
    pub x: &'a [f32],
    /// Stride between pixels of `x`, in values.
    pub stride: usize,
    /// Values per pixel to round.
    pub channels: usize,
    /// Bits of bf16.
    pub out: &'a mut [u16],
    /// Values per pixel of `out`, a multiple of [`INPUTS`]; those beyond `channels` are set to zero.
    pub pixel: usize,
}

impl Round<'_> {
    /// Rounds all pixels of `x`.
    ///
    /// # Panics
    /// When a pixel is too small for its channels, or `out` for the pixels.
    pub fn run(self, isa: Bf16) {
        assert!(self.channels <= self.stride && self.channels <= self.pixel && self.channels > 0);
        assert!(self.pixel.is_multiple_of(INPUTS), "a pixel amid the inputs of a product");
        assert!(self.out.len() / self.pixel >= self.x.len() / self.stride, "out is too short");
        isa.round(self);
    }
}
