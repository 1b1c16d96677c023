//! How much each position of the last map speaks for a class: its values, weighted by the gradient of the class's
//! logit, which for a head of one dense layer is a column of its kernel.

use crate::code::{Body, Expr, F64};
use crate::data::PANEL;
use crate::kernels::F32_BYTES;

const VALUE: u32 = F32_BYTES as u32;

/// A function of the number of a class. The addresses are those of the map, of the kernel in panels, and of what
/// comes out.
pub(crate) fn body(
    (positions, channels): (usize, usize),
    (map, kernel, out): (u32, u32, u32),
    is_one_logit: bool,
) -> Body {
    let (mut body, [class]) = Body::taking(false);
    // One logit for two classes is that of class 1; of class 0 it counts with the sign turned.
    let (sign, unit) = match is_one_logit {
        true => (Expr::double(1.0).or(Expr::double(-1.0), class.get()), Expr::int(0)),
        false => (Expr::double(1.0), class.get()),
    };
    let (sign, unit) = (body.var(sign), body.var(unit));
    let panel = unit.get().divided(Expr::int(PANEL as u32));
    let lane = unit.get() & Expr::int(PANEL as u32 - 1);
    let panel = panel * Expr::int((channels * PANEL) as u32) + lane;
    let column = body.var(panel * Expr::int(VALUE) + Expr::int(kernel));
    let (at, to) = (body.var(Expr::int(map)), body.var(Expr::int(out)));
    body.repeat(positions, |body| {
        let weight = body.var(column.get());
        let sum = body.var(Expr::<F64>::double(0.0));
        body.repeat(channels, |body| {
            let product = at.get().f32_at(0).into_f64() * weight.get().f32_at(0).into_f64();
            body.set(sum, sum.get() + product);
            body.step(at, VALUE);
            body.step(weight, VALUE * PANEL as u32);
        });
        body.store_f32(to.get(), 0, (sum.get() * sign.get()).into_f32());
        body.step(to, VALUE);
    });
    body
}
