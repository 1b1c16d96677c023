//! Converts quantized weights to f32.

use super::{F32_BYTES, LANES};
use crate::code::{Body, Expr};
use crate::data::PANEL;

/// A function of three addresses, of the quantized weights, the f32 weights and the scales, and of two numbers: of the
/// panels, and of the rows in each. A quantized weight has `bytes` bytes.
pub(crate) fn widen(bytes: usize) -> Body {
    let (mut body, [from, to, scales, panels, rows]) = Body::taking(false);
    let vector = (LANES * F32_BYTES) as u32;
    body.while_(panels.get(), |body| {
        let own = [0, 1].map(|half| body.var(scales.get().vector_at(half * vector)));
        let left = body.var(rows.get());
        body.while_(left.get(), |body| {
            let short = body.var(match bytes {
                1 => from.get().eight_bytes_at(0).low_i8(),
                _ => from.get().vector_at(0),
            });
            let halves = [short.get().low_i16(), short.get().high_i16()];
            for ((half, units), scale) in (0..).zip(halves).zip(own) {
                body.store(to.get(), half * vector, units.i32_to_f32() * scale.get());
            }
            body.step(from, (PANEL * bytes) as u32);
            body.step(to, (PANEL * F32_BYTES) as u32);
            body.set(left, left.get() - Expr::int(1));
        });
        body.step(scales, (PANEL * F32_BYTES) as u32);
        body.set(panels, panels.get() - Expr::int(1));
    });
    body
}
