//! Pillow's filters, which are widened when a picture shrinks. They are applied horizontally and then vertically; each
//! result is rounded to 8 bits.

use headstart_model::Interpolation;

use super::{RGB, RGBA, Resize, as_bytes, levels, store_pixel};
use crate::code::{Body, Expr, F64, Func, I32, V128, Var};

/// The limit on the bits of a weight: with the 8 bits of a level, and 2 bits for overshoot, a sum fits in an `i32`.
const MOST_PRECISION: u32 = 32 - 8 - 2;

// The layout of a table of weights. A header has the precision of the weights, and the bytes of a line. Then follows,
// for each line of the result: the first pixel, the number of pixels, and their weights as i16, padded to an even
// number.
const HEADER: u32 = 16;
const FIRST: u32 = 0;
const COUNT: u32 = 4;
const WEIGHTS: u32 = 8;

fn double(value: f64) -> Expr<F64> {
    Expr::double(value)
}

impl Resize<'_> {
    /// A function of four parameters: the address of two f64, the second 16 bytes after the first, which are the start
    /// and the length of the visible part; the number of pixels in a line; the number that it becomes; and the address
    /// of the table.
    pub(super) fn weigh(&self) -> Body {
        let (mut body, [part, pixels, lines, table]) = Body::taking(false);
        let radius = if self.to.interpolation == Interpolation::Bilinear { 1.0 } else { 2.0 };
        let start = body.var(part.get().f64_at(0));
        let scale = body.var(part.get().f64_at(16) / lines.get().into_f64());
        let widened = body.var(scale.get().max(double(1.0)));
        let reach = body.var(widened.get() * double(radius));
        // One more weight at each end, and one to make the number even. Each takes 8 bytes, since they are f64 until
        // they are rounded.
        let most = (reach.get() * double(2.0)).ceil().into_i32() + Expr::int(3);
        let line = body.var(most * Expr::int(8) + Expr::int(WEIGHTS));
        let largest = body.var(double(0.0));
        let at = body.var(table.get() + Expr::int(HEADER));
        body.for_(lines.get(), |body, y| {
            let middle = (y.get().into_f64() + double(0.5)) * scale.get() + start.get();
            let middle = body.var(middle);
            let first = (middle.get() - reach.get()).floor().max(double(0.0)).into_i32();
            let end = (middle.get() + reach.get()).ceil().min(pixels.get().into_f64()).into_i32();
            let (first, end) = (body.var(first), body.var(end));
            let count = body.var(end.get() - first.get());
            body.store_i32(at.get(), FIRST, first.get());
            body.store_i32(at.get(), COUNT, count.get());
            let sum = body.var(double(0.0));
            let to = body.var(at.get());
            body.for_(count.get(), |body, x| {
                let place = (first.get() + x.get()).into_f64() - (middle.get() - double(0.5));
                let distance = body.var((place * (double(1.0) / widened.get())).abs());
                let weight = body.var(self.weight(distance));
                body.store_f64(to.get(), WEIGHTS, weight.get());
                body.set(sum, sum.get() + weight.get());
                body.step(to, 8);
            });
            body.set(to, at.get());
            body.for_(count.get(), |body, _| {
                let weight = body.var(to.get().f64_at(WEIGHTS) / sum.get());
                body.store_f64(to.get(), WEIGHTS, weight.get());
                body.set(largest, largest.get().max(weight.get()));
                body.step(to, 8);
            });
            body.set(at, at.get() + line.get());
        });
        // As many bits as the largest weight allows in an i16.
        let precision = body.var(Expr::int(0));
        let unit = body.var(double(1.0));
        let round = |x: Expr<F64>| (x + double(0.5)).floor();
        let fits = round(largest.get() * unit.get() * double(2.0)).lt(double(32768.0))
            & precision.get().lt(Expr::int(MOST_PRECISION - 1));
        body.while_(fits, |body| {
            body.set(unit, unit.get() * double(2.0));
            body.step(precision, 1);
        });
        body.store_i32(table.get(), 0, precision.get());
        body.store_i32(table.get(), 4, line.get());
        body.set(at, table.get() + Expr::int(HEADER));
        body.for_(lines.get(), |body, _| {
            let (from, to) = (body.var(at.get()), body.var(at.get()));
            body.for_(at.get().i32_at(COUNT), |body, _| {
                let weight = body.var(from.get().f64_at(WEIGHTS) * unit.get());
                let size = round(weight.get().abs());
                let negative = double(0.0) - size.clone();
                let units = negative.or(size, weight.get().lt(double(0.0)));
                body.store_u16(to.get(), WEIGHTS, units.into_i32());
                body.step(from, 8);
                body.step(to, 2);
            });
            body.store_u16(to.get(), WEIGHTS, Expr::int(0));
            body.set(at, at.get() + line.get());
        });
        body
    }

    /// The value of the filter at a distance.
    fn weight(&self, x: Var<F64>) -> Expr<F64> {
        const A: f64 = -0.5;
        if self.to.interpolation == Interpolation::Bilinear {
            return (double(1.0) - x.get()).max(double(0.0));
        }
        let near = (double(A + 2.0) * x.get() - double(A + 3.0)) * x.get() * x.get() + double(1.0);
        let far = ((x.get() - double(5.0)) * x.get() + double(8.0)) * x.get() - double(4.0);
        let far = (far * double(A)).or(double(0.0), x.get().lt(double(2.0)));
        near.or(far, x.get().lt(double(1.0)))
    }

    /// A function of the width and the height of the picture.
    pub(super) fn antialiased(&self, weigh: Func) -> Body {
        let (mut body, [width, height]) = Body::taking(false);
        let (from, to) = (self.fitted.from, self.fitted.to);
        let across = body.var(self.behind(width, height));
        body.call(weigh, &[from.address(0), width.get(), to.width(), across.get()]);
        let table = |table: Var<I32>, lines: Expr<I32>| {
            table.get() + Expr::int(HEADER) + table.get().i32_at(4) * lines
        };
        let down = body.var((table(across, to.width()) + Expr::int(15)) & Expr::int(!15));
        body.call(weigh, &[from.address(1), height.get(), to.height(), down.get()]);
        let narrow = body.var((table(down, to.height()) + Expr::int(15)) & Expr::int(!15));
        let narrow_row = body.var(to.width() * Expr::int(RGBA));

        // Only the rows in the visible part.
        let first = body.var(table(down, Expr::int(0)).i32_at(FIRST));
        let last = body.var(table(down, to.height() - Expr::int(1)));
        let rows = last.get().i32_at(FIRST) + last.get().i32_at(COUNT) - first.get();
        let row = body.var(first.get() * width.get() * Expr::int(RGBA) + Expr::int(self.heap));
        let out = body.var(narrow.get());
        let precision = body.var(across.get().i32_at(0));
        let line = body.var(across.get().i32_at(4));
        body.for_(rows, |body, _| {
            let column = body.var(table(across, Expr::int(0)));
            body.for_(to.width(), |body, _| {
                let at = column.get().i32_at(FIRST) * Expr::int(RGBA) + row.get();
                let (at, weight) = (body.var(at), body.var(column.get()));
                let pairs = (column.get().i32_at(COUNT) + Expr::int(1)).shifted_right(Expr::int(1));
                let sum = body.var(half(precision));
                let left = body.var(pairs);
                body.while_(left.get(), |body| {
                    // The levels of two neighbouring pixels in pairs, to be multiplied with pairs of weights.
                    const PAIRED: [u8; 16] =
                        [0, 16, 4, 16, 1, 16, 5, 16, 2, 16, 6, 16, 3, 16, 7, 16];
                    let levels = at.get().eight_bytes_at(0).shuffled(Expr::zero(), PAIRED);
                    let products = levels.dot(weight.get().splat_at(WEIGHTS));
                    body.set(sum, sum.get().int_add(products));
                    body.step(at, 2 * RGBA);
                    body.step(weight, 4);
                    body.set(left, left.get() - Expr::int(1));
                });
                let pixel = as_bytes(sum.get().lanes_shifted_right(precision.get()));
                body.store_i32(out.get(), 0, pixel);
                body.step(out, RGBA);
                body.set(column, column.get() + line.get());
            });
            body.set(row, row.get() + width.get() * Expr::int(RGBA));
        });

        body.set(precision, down.get().i32_at(0));
        body.for_(to.height(), |body, y| {
            let own = body.var(table(down, y.get()));
            let top = own.get().i32_at(FIRST) - first.get();
            let column = body.var(top * narrow_row.get() + narrow.get());
            let out = body.var(self.inner(Expr::int(0), y.get()));
            body.for_(to.width(), |body, _| {
                let (at, weight) = (body.var(column.get()), body.var(own.get()));
                let sum = body.var(half(precision));
                body.for_(own.get().i32_at(COUNT), |body, _| {
                    let units = weight.get().i16_at(WEIGHTS).int_splat();
                    body.set(sum, sum.get().int_add(levels(at.get(), 0).int_mul(units)));
                    body.step(weight, 2);
                    body.set(at, at.get() + narrow_row.get());
                });
                let pixel = as_bytes(sum.get().lanes_shifted_right(precision.get()));
                store_pixel(body, out.get(), pixel);
                body.step(column, RGBA);
                body.step(out, RGB);
            });
        });
        body
    }
}

/// Half a unit of the result, for rounding.
fn half(precision: Var<I32>) -> Expr<V128> {
    Expr::int(1).shifted_left(precision.get()).shifted_right(Expr::int(1)).int_splat()
}
