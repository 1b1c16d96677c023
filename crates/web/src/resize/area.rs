//! Area interpolation: each pixel becomes the mean of the part of the picture that it covers.

use super::{RGB, RGBA, Resize, as_bytes, levels, store_pixel};
use crate::code::{Body, Expr, F32, Func, I32, V128, Var};

// The layout of an entry, which describes what a pixel of the result covers in a line: the first pixel and the last;
// and the shares of the first, of the last if it is a different one, and of each pixel in between.
const FIRST: u32 = 0;
const LAST: u32 = 4;
const SHARES: u32 = 8;
const COVERED: u32 = 20;

impl Resize<'_> {
    /// A function of four parameters: the first pixel and the length of a part of a line, the number of pixels that it
    /// becomes, and the address of the entries.
    pub(super) fn share(&self) -> Body {
        let (mut body, [first, length, lines, at]) = Body::taking(false);
        body.for_(lines.get(), |body, y| {
            // In units of 1 / `lines` of a pixel, all edges are integers.
            let start = body.var(y.get() * length.get());
            let end = body.var(start.get() + length.get());
            let own = body.var(start.get().divided(lines.get()));
            let last = body.var((end.get() - Expr::int(1)).divided(lines.get()));
            let edge = (own.get() + Expr::int(1)) * lines.get();
            let in_first = end.get().or(edge.clone(), end.get().lt(edge)) - start.get();
            let in_last = end.get() - last.get() * lines.get();
            body.store_i32(at.get(), FIRST, own.get() + first.get());
            body.store_i32(at.get(), LAST, last.get() + first.get());
            for (index, parts) in (0..).zip([in_first, in_last, lines.get()]) {
                let share = parts.into_f32() / length.get().into_f32();
                body.store_f32(at.get(), SHARES + 4 * index, share);
            }
            body.step(at, COVERED);
        });
        body
    }

    /// A function of the width and the height of the picture.
    pub(super) fn area(&self, share: Func) -> Body {
        let (mut body, [width, height]) = Body::taking(false);
        let (from, to) = (self.fitted.from, self.fitted.to);
        let columns = body.var(self.behind(width, height));
        body.call(share, &[from.left(), from.width(), to.width(), columns.get()]);
        let rows = body.var(columns.get() + to.width() * Expr::int(COVERED));
        body.call(share, &[from.top(), from.height(), to.height(), rows.get()]);
        let means = rows.get() + to.height() * Expr::int(COVERED) + Expr::int(15);
        let means = body.var(means & Expr::int(!15));
        let vector = 16;

        let row_bytes = body.var(width.get() * Expr::int(RGBA));
        body.for_(to.height(), |body, y| {
            let own = body.var(rows.get() + y.get() * Expr::int(COVERED));
            let (first, last) =
                (body.var(own.get().i32_at(FIRST)), body.var(own.get().i32_at(LAST)));
            let x = body.var(from.left());
            let end = body.var(from.left() + from.width());
            body.while_(x.get().lt(end.get()), |body| {
                let top = first.get() * row_bytes.get() + x.get() * Expr::int(RGBA);
                let at = body.var(top + Expr::int(self.heap));
                let sum = body.var(Expr::<V128>::zero());
                mean(body, own, (first, last), |body, share| {
                    let level = levels(at.get(), 0).i32_to_f32();
                    body.set(sum, sum.get() + level * share.get().splat());
                    body.set(at, at.get() + row_bytes.get());
                });
                body.store(means.get() + x.get() * Expr::int(vector), 0, sum.get());
                body.step(x, 1);
            });
            let out = body.var(self.inner(Expr::int(0), y.get()));
            body.for_(to.width(), |body, x| {
                let own = body.var(columns.get() + x.get() * Expr::int(COVERED));
                let (first, last) =
                    (body.var(own.get().i32_at(FIRST)), body.var(own.get().i32_at(LAST)));
                let at = body.var(means.get() + first.get() * Expr::int(vector));
                // Half a level, so that truncation rounds to the nearest level.
                let sum = body.var(Expr::four(0.5));
                mean(body, own, (first, last), |body, share| {
                    body.set(sum, sum.get() + at.get().vector_at(0) * share.get().splat());
                    body.step(at, vector);
                });
                store_pixel(body, out.get(), as_bytes(sum.get().into_i32_lanes()));
                body.step(out, RGB);
            });
        });
        body
    }
}

/// Calls `add` for each pixel that an entry covers, with the share of the pixel.
fn mean(
    body: &mut Body,
    own: Var<I32>,
    (first, last): (Var<I32>, Var<I32>),
    add: impl FnOnce(&mut Body, Var<F32>),
) {
    let at = body.var(first.get());
    body.while_(at.get().le(last.get()), |body| {
        let share = |index: u32| own.get().f32_at(SHARES + 4 * index);
        let inner = share(1).or(share(2), at.get().equals(last.get()));
        let share = body.var(share(0).or(inner, at.get().equals(first.get())));
        add(body, share);
        body.step(at, 1);
    });
}
