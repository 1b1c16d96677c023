//! From f32 to bf16.

use pulp::{Simd, WithSimd};

use crate::Isa;

/// Pixels to round: the nearest bf16, the even one of two that are equally near.
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
    /// Values of a pixel of `out`: what is more than `channels` becomes zero.
    pub pixel: usize,
}

impl Round<'_> {
    /// Rounds as many pixels as `x` has.
    ///
    /// # Panics
    /// When a pixel has no room for its channels, or `out` for the pixels.
    pub fn run(self, isa: Isa) {
        assert!(self.channels <= self.stride && self.channels <= self.pixel && self.channels > 0);
        assert!(self.out.len() / self.pixel >= self.x.len() / self.stride, "out is too short");
        isa.run(self);
    }
}

impl WithSimd for Round<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let pixels = self.x.chunks_exact(self.stride).zip(self.out.chunks_exact_mut(self.pixel));
        for (x, out) in pixels {
            let (rounded, zeros) = out.split_at_mut(self.channels);
            for (x, out) in x.iter().zip(rounded) {
                let bits = x.to_bits();
                let nearest = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
                // Rounding must not make an infinity of what is not a number.
                *out = if x.is_nan() { (bits >> 16) as u16 | 0x40 } else { nearest };
            }
            zeros.fill(0);
        }
    }
}
