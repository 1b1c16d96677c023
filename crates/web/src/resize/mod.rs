//! Resizes a picture of any size to the input of the network, as `headstart_resize` does.
//!
//! Pictures are RGBA, and start at the beginning of the heap. Everything else that resizing needs is behind the
//! picture.

mod antialiased;
mod area;
mod fit;
mod tensorflow;
#[cfg(test)]
mod tests;

use headstart_model::{Interpolation, Preprocessing};

use crate::code::{Body, Expr, Func, I32, Module, V128, Var};
use crate::data::{Data, PAGE};
use fit::Fitted;

/// Bytes in a pixel of the picture.
const RGBA: u32 = 4;
/// Bytes in a pixel of the result.
const RGB: u32 = 3;

/// The parameters of resizing.
struct Resize<'a> {
    to: &'a Preprocessing,
    /// The address of the heap, and so of the picture.
    heap: u32,
    /// The address of the result.
    out: u32,
    fitted: Fitted,
}

/// Adds the functions `reserve`, which makes room for a picture of a given width and height, and `resize`, which
/// resizes the picture. Both are added by [`Pending::finish`].
pub(crate) fn add(module: &mut Module, data: &mut Data, to: &Preprocessing, out: u32) -> Pending {
    let fitted = Fitted::new(module, data, to);
    Pending { fitted, out }
}

/// Functions that can be added once the address of the heap is known.
pub(crate) struct Pending {
    fitted: Fitted,
    out: u32,
}

impl Pending {
    pub(crate) fn finish(self, module: &mut Module, to: &Preprocessing, heap: u32) {
        let resize = Resize { to, heap, out: self.out, fitted: self.fitted };
        let reserve = module.function(resize.reserve());
        module.export("reserve", reserve);
        let whiten = module.function(resize.whiten());
        let body = match to.interpolation {
            Interpolation::Bilinear | Interpolation::Bicubic => {
                let weigh = module.function(resize.weigh());
                resize.antialiased(weigh)
            }
            Interpolation::Area => {
                let share = module.function(resize.share());
                resize.area(share)
            }
            Interpolation::Tensorflow => resize.tensorflow(),
        };
        let other_size = module.function(body);
        let resize = module.function(resize.body(whiten, other_size));
        module.export("resize", resize);
    }
}

impl Resize<'_> {
    /// The first address behind a picture.
    fn behind(&self, width: Var<I32>, height: Var<I32>) -> Expr<I32> {
        const SLACK: u32 = 64;
        let bytes = width.get() * height.get() * Expr::int(RGBA);
        (bytes + Expr::int(self.heap + SLACK)) & Expr::int(!15)
    }

    /// A function of the width and the height of the picture.
    fn reserve(&self) -> Body {
        let (mut body, [width, height]) = Body::taking(false);
        let to = (self.to.width + self.to.height) as u32;
        // Room for the weights of every line of the result, at most `2 * reach + 3` for each, and for as many narrowed
        // rows as the picture has rows.
        let sides = width.get() + height.get();
        let weights = (sides + Expr::int(4 * to)) * Expr::int(64);
        let rows = height.get() * Expr::int((self.to.width as u32 + 1) * RGBA);
        let row = width.get() * Expr::int(32);
        let end = self.behind(width, height) + weights + rows + row;
        let pages = body.var((end + Expr::int(PAGE)).shifted_right(Expr::int(PAGE.ilog2())));
        body.if_(pages.get().gt(Expr::pages()), |body| body.grow(pages.get() - Expr::pages()));
        body
    }

    /// A function of the width and the height of the picture, which blends transparent pixels with white.
    fn whiten(&self) -> Body {
        let (mut body, [width, height]) = Body::taking(false);
        let pixels = body.var(width.get() * height.get());
        let at = body.var(Expr::int(self.heap));
        let end = body.var(at.get() + pixels.get() * Expr::int(RGBA));
        // The last vector reads beyond the picture, where all must be opaque.
        body.store(end.get(), 0, Expr::<V128>::ones());
        let all = body.var(Expr::<V128>::ones());
        body.while_(at.get().lt(end.get()), |body| {
            body.set(all, all.get() & at.get().vector_at(0));
            body.step(at, 16);
        });
        let lanes =
            (1..4).fold(all.get().int_lane(0), |both, lane| both & all.get().int_lane(lane));
        let opaque = lanes.shifted_right(Expr::int(24)).equals(Expr::int(u32::MAX));
        body.if_(opaque.negated(), |body| {
            body.set(at, Expr::int(self.heap));
            body.while_(at.get().lt(end.get()), |body| {
                let alpha = body.var(at.get().u8_at(3));
                let white = (Expr::int(255) - alpha.get()) * Expr::int(255) + Expr::int(127);
                let white = body.var(white);
                for channel in 0..RGB {
                    let value = at.get().u8_at(channel) * alpha.get() + white.get();
                    body.store_u8(at.get(), channel, value.divided(Expr::int(255)));
                }
                body.step(at, RGBA);
            });
        });
        body
    }

    /// A function of the width and the height of the picture.
    fn body(&self, whiten: Func, other_size: Func) -> Body {
        let (mut body, [width, height]) = Body::taking(false);
        let Preprocessing { width: to_width, height: to_height, .. } = *self.to;
        body.call(whiten, &[width.get(), height.get()]);
        let same = width.get().equals(Expr::int(to_width as u32))
            & height.get().equals(Expr::int(to_height as u32));
        body.if_else(
            same,
            |body| {
                let (from, to) = (body.var(Expr::int(self.heap)), body.var(Expr::int(self.out)));
                body.repeat(to_width * to_height, |body| {
                    store_pixel(body, to.get(), from.get().i32_at(0));
                    body.step(from, RGBA);
                    body.step(to, RGB);
                });
            },
            |body| {
                body.call(self.fitted.function, &[width.get(), height.get()]);
                if self.to.fit == headstart_model::Fit::Pad {
                    body.fill(Expr::int(self.out), to_width * to_height * RGB as usize);
                }
                body.call(other_size, &[width.get(), height.get()]);
            },
        );
        body
    }

    /// The address of a pixel in the filled part of the result.
    fn inner(&self, x: Expr<I32>, y: Expr<I32>) -> Expr<I32> {
        let Fitted { to, .. } = &self.fitted;
        let row = (to.top() + y) * Expr::int(self.to.width as u32);
        (row + to.left() + x) * Expr::int(RGB) + Expr::int(self.out)
    }
}

/// Stores the three lowest bytes of `pixel`.
fn store_pixel(body: &mut Body, address: Expr<I32>, pixel: Expr<I32>) {
    let pixel = body.var(pixel);
    body.store_u16(address.clone(), 0, pixel.get());
    body.store_u8(address, 2, pixel.get().shifted_right(Expr::int(16)));
}

/// The levels of a pixel as four bytes, from sums as 32-bit integers.
fn as_bytes(sums: Expr<V128>) -> Expr<I32> {
    sums.narrowed(Expr::zero()).narrowed_u8(Expr::zero()).int_lane(0)
}

/// The levels of a pixel as 32-bit integers.
fn levels(address: Expr<I32>, offset: u32) -> Expr<V128> {
    address.four_bytes_at(offset).low_u8().low_i16()
}
