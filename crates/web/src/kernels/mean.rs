//! The mean over all positions of a map.

use super::{F32_BYTES, LANES};
use crate::code::{Body, Expr};

/// A function of two addresses: of a map, and of its mean.
pub(crate) fn mean(positions: usize, channels: usize) -> Body {
    let (mut body, [input, output]) = Body::taking(false);
    let vector = (LANES * F32_BYTES) as u32;
    body.repeat(channels / LANES, |body| {
        let sum = body.var(Expr::four(0.0));
        let at = body.var(input.get());
        body.repeat(positions, |body| {
            body.set(sum, sum.get() + at.get().vector_at(0));
            body.step(at, (channels * F32_BYTES) as u32);
        });
        body.store(output.get(), 0, sum.get() * Expr::four(1.0 / positions as f32));
        body.step(input, vector);
        body.step(output, vector);
    });
    body
}
