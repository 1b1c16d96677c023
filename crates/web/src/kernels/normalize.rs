//! Converts the bytes of a picture to the padded map that the first convolution reads.

use headstart_model::{Margins, Scaling};

use super::{F32_BYTES, LANES};
use crate::code::{Body, Expr};

/// Channels of a picture.
const CHANNELS: usize = 3;

/// The sizes of a picture and of the zeros around it, and the scaling of its levels.
pub(crate) struct Normalize {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) margins: Margins,
    pub(crate) scaling: Scaling,
}

impl Normalize {
    /// Bytes in a row of the map.
    pub(crate) fn pitch(&self) -> usize {
        (self.margins.left + self.width + self.margins.right) * CHANNELS * F32_BYTES
    }

    /// Bytes of the map, and a few more because the last vector may be written beyond its end.
    pub(crate) fn bytes(&self) -> usize {
        (self.margins.top + self.height + self.margins.bottom) * self.pitch() + LANES * F32_BYTES
    }

    /// A function of two addresses: of the picture (u8 RGB, a few bytes beyond its end are read), and of the map.
    pub(crate) fn body(&self) -> Body {
        let (mut body, [input, output]) = Body::taking(false);
        let Margins { top, bottom, left, right } = self.margins;
        let pixel = CHANNELS * F32_BYTES;
        body.fill(output.get(), top * self.pitch());
        body.step(output, (top * self.pitch()) as u32);
        body.repeat(self.height, |body| {
            body.fill(output.get(), left * pixel);
            body.step(output, (left * pixel) as u32);
            // Four pixels are twelve levels, hence three vectors, each with the channels in a different order. The last
            // vector may be written beyond the row; what follows overwrites the excess.
            let at = body.var(output.get());
            let from = body.var(input.get());
            body.repeat(self.width / LANES, |body| {
                for turn in 0..CHANNELS {
                    self.vector(body, (from, at), turn);
                }
                body.step(from, (LANES * CHANNELS) as u32);
                body.step(at, (LANES * pixel) as u32);
            });
            let rest = self.width % LANES * CHANNELS;
            for turn in 0..rest.div_ceil(LANES) {
                self.vector(body, (from, at), turn);
            }
            body.step(input, (self.width * CHANNELS) as u32);
            body.step(output, (self.width * pixel) as u32);
            body.fill(output.get(), right * pixel);
            body.step(output, (right * pixel) as u32);
        });
        body.fill(output.get(), bottom * self.pitch());
        body
    }

    /// Scales vector `turn`, four values, of the three vectors that make four pixels.
    fn vector(
        &self,
        body: &mut Body,
        (from, to): (crate::code::Var<crate::code::I32>, crate::code::Var<crate::code::I32>),
        turn: usize,
    ) {
        let of = |values: [f32; 3]| {
            Expr::lanes(std::array::from_fn(|lane| values[(turn * LANES + lane) % CHANNELS]))
        };
        let levels =
            from.get().four_bytes_at((turn * LANES) as u32).low_u8().low_i16().i32_to_f32();
        let value = levels * of(self.scaling.scale) + of(self.scaling.offset);
        body.store(to.get(), (turn * LANES * F32_BYTES) as u32, value);
    }
}
