//! From f32 to bf16.

use super::{Bf16, INPUTS};

/// Pixels to round: to the nearest bf16, the even one of two that are equally near. Subnormal
/// numbers become zero.
#[derive(Debug)]
pub struct Round<'a> {
    /// f32 values.
    pub x: &'a [f32],
    /// Values from a pixel of `x` to the next.
    pub stride: usize,
    /// Values of a pixel that are rounded.
    pub channels: usize,
    /// Bits of bf16.
    pub out: &'a mut [u16],
    /// Values of a pixel of `out`, a multiple of [`INPUTS`]: what is more than `channels` becomes
    /// zero.
    pub pixel: usize,
}

impl Round<'_> {
    /// Rounds as many pixels as `x` has.
    ///
    /// # Panics
    /// When a pixel has no room for its channels, or `out` for the pixels.
    pub fn run(self, isa: Bf16) {
        assert!(self.channels <= self.stride && self.channels <= self.pixel && self.channels > 0);
        assert!(self.pixel.is_multiple_of(INPUTS), "a pixel amid the inputs of a product");
        assert!(self.out.len() / self.pixel >= self.x.len() / self.stride, "out is too short");
        isa.round(self);
    }
}
