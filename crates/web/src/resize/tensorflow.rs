//! `tf.image.resize` with its defaults: bilinear interpolation between the four nearest pixels.

use super::{RGB, RGBA, Resize, as_bytes, levels, store_pixel};
use crate::code::{Body, Expr, F32, I32, Var};

/// The two pixels of a line on either side of a sample, and the weight of the second.
struct Between {
    first: Var<I32>,
    second: Var<I32>,
    weight: Var<F32>,
}

impl Resize<'_> {
    /// A function of the width and the height of the picture.
    pub(super) fn tensorflow(&self) -> Body {
        let (mut body, [width, _]) = Body::taking(false);
        let (from, to) = (self.fitted.from, self.fitted.to);
        let row = |y: Var<I32>| (y.get() * width.get()) * Expr::int(RGBA) + Expr::int(self.heap);
        body.for_(to.height(), |body, y| {
            let down = between(body, y, (to.height(), from.height()), from.top());
            let (above, below) = (body.var(row(down.first)), body.var(row(down.second)));
            let out = body.var(self.inner(Expr::int(0), y.get()));
            body.for_(to.width(), |body, x| {
                let across = between(body, x, (to.width(), from.width()), from.left());
                let pixel = |row: Var<I32>, x: Var<I32>| {
                    levels(row.get() + x.get() * Expr::int(RGBA), 0).i32_to_f32()
                };
                let right = across.weight.get().splat();
                let left = body.var(pixel(above, across.first));
                let upper = (pixel(above, across.second) - left.get()) * right.clone() + left.get();
                let upper = body.var(upper);
                body.set(left, pixel(below, across.first));
                let lower = (pixel(below, across.second) - left.get()) * right + left.get();
                let mean = (lower - upper.get()) * down.weight.get().splat() + upper.get();
                let rounded = (mean + Expr::four(0.5)).into_i32_lanes();
                store_pixel(body, out.get(), as_bytes(rounded));
                body.step(out, RGB);
            });
        });
        body
    }
}

/// The position of pixel `at` of `to` in a line of `from` pixels that begins at `first`.
fn between(
    body: &mut Body,
    at: Var<I32>,
    (to, from): (Expr<I32>, Expr<I32>),
    first: Expr<I32>,
) -> Between {
    let half = || Expr::<F32>::float(0.5);
    let last = body.var(from.clone() - Expr::int(1));
    let scale = from.into_f32() / to.into_f32();
    let middle = body.var((at.get().into_f32() + half()) * scale - half());
    let before = middle.get().floor();
    let weight = body.var(middle.get() - before.clone());
    let place = |x: Expr<F32>| x.into_i32().clamped(0, last.get());
    let (near, next) = (place(before), place(middle.get().ceil()));
    let first = body.var(first);
    let (near, next) = (body.var(near + first.get()), body.var(next + first.get()));
    Between { first: near, second: next, weight }
}
