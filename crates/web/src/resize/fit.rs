//! Computes which part of a picture fills which part of the result, as `headstart_resize::Fitted` does.

use headstart_model::{Fit, Interpolation, Preprocessing};

use crate::code::{Body, Expr, F32, F64, Func, I32, Module, Var};
use crate::data::Data;

/// A function that computes the two parts, and where it writes them.
#[derive(Clone, Copy)]
pub(super) struct Fitted {
    /// The function, of the width and the height of the picture.
    pub(super) function: Func,
    /// The part of the picture, in pixels; not necessarily integers.
    pub(super) from: Rect,
    /// The part of the result, in pixels.
    pub(super) to: Rect,
}

/// The address of a rectangle: left, top, width and height, each an f64.
#[derive(Clone, Copy)]
pub(super) struct Rect(u32);

impl Rect {
    /// The address of left, top, width or height.
    pub(super) fn address(self, index: u32) -> Expr<I32> {
        Expr::int(self.0 + index * 8)
    }

    fn at(self, index: u32) -> Expr<F64> {
        self.address(index).f64_at(0)
    }

    pub(super) fn left(self) -> Expr<I32> {
        self.at(0).into_i32()
    }

    pub(super) fn top(self) -> Expr<I32> {
        self.at(1).into_i32()
    }

    pub(super) fn width(self) -> Expr<I32> {
        self.at(2).into_i32()
    }

    pub(super) fn height(self) -> Expr<I32> {
        self.at(3).into_i32()
    }

    fn set(self, body: &mut Body, values: [Expr<F64>; 4]) {
        for (index, value) in (0..).zip(values) {
            body.store_f64(Expr::int(self.0), index * 8, value);
        }
    }
}

impl Fitted {
    pub(super) fn new(module: &mut Module, data: &mut Data, to: &Preprocessing) -> Self {
        let [from, inner] = [0, 1].map(|_| Rect(data.room(32)));
        let (mut body, size) = Body::taking(false);
        match to.interpolation {
            Interpolation::Bilinear | Interpolation::Bicubic => {
                pillow(&mut body, size, to, (from, inner));
            }
            Interpolation::Area | Interpolation::Tensorflow => {
                keras(&mut body, size, to, (from, inner));
            }
        }
        Self { function: module.function(body), from, to: inner }
    }
}

fn double(value: f64) -> Expr<F64> {
    Expr::double(value)
}

fn pillow(
    body: &mut Body,
    [width, height]: [Var<I32>; 2],
    to: &Preprocessing,
    (from, inner): (Rect, Rect),
) {
    let (to_width, to_height) = (to.width as f64, to.height as f64);
    let aspect = to_width / to_height;
    let [w, h] = [width, height].map(|side| body.var(side.get().into_f64()));
    let wider = body.var((w.get() / h.get()).gt(double(aspect)));
    let pick = |a: Expr<F64>, b: Expr<F64>| a.or(b, wider.get());
    let (part_width, part_height) = match to.fit {
        Fit::Crop => (
            pick(double(aspect) * h.get(), w.get()),
            pick(h.get(), (w.get() / double(aspect)).min(h.get())),
        ),
        Fit::Stretch | Fit::Pad => (w.get(), h.get()),
    };
    let (inner_width, inner_height) = match to.fit {
        Fit::Pad => (
            pick(double(to_width), w.get() / h.get() * double(to_height)),
            pick(h.get() / w.get() * double(to_width), double(to_height)),
        ),
        Fit::Stretch | Fit::Crop => (double(to_width), double(to_height)),
    };
    let side = |inner: Expr<F64>, whole: f64| inner.nearest().max(double(1.0)).min(double(whole));
    let [inner_width, inner_height] =
        [side(inner_width, to_width), side(inner_height, to_height)].map(|side| body.var(side));
    let [part_width, part_height] = [part_width, part_height].map(|side| body.var(side));
    let half = |whole: Expr<F64>, part: Var<F64>| (whole - part.get()) / double(2.0);
    from.set(
        body,
        [
            half(w.get(), part_width),
            half(h.get(), part_height),
            part_width.get(),
            part_height.get(),
        ],
    );
    inner.set(
        body,
        [
            half(double(to_width), inner_width).nearest(),
            half(double(to_height), inner_height).nearest(),
            inner_width.get(),
            inner_height.get(),
        ],
    );
}

fn keras(
    body: &mut Body,
    [width, height]: [Var<I32>; 2],
    to: &Preprocessing,
    (from, inner): (Rect, Rect),
) {
    let (to_width, to_height) = (to.width as u32, to.height as u32);
    let float = |value: u32| Expr::<F32>::float(value as f32);
    let (mut from_width, mut from_height) = (width.get(), height.get());
    let (mut inner_width, mut inner_height) = (float(to_width), float(to_height));
    match to.fit {
        Fit::Stretch => {}
        Fit::Crop => {
            let crop = |across: Var<I32>, by: u32, over: u32, side: Var<I32>| {
                let exact = (across.get() * Expr::int(by)).into_f32() / float(over);
                exact.into_i32().clamped(1, side.get())
            };
            from_width = crop(height, to_width, to_height, width);
            from_height = crop(width, to_height, to_width, height);
        }
        Fit::Pad => {
            let ratio = |side: Var<I32>, to: u32| side.get().into_f32() / float(to);
            let ratio = body.var(ratio(width, to_width).max(ratio(height, to_height)));
            inner_width = width.get().into_f32() / ratio.get();
            inner_height = height.get().into_f32() / ratio.get();
        }
    }
    let [from_width, from_height] = [from_width, from_height].map(|side| body.var(side));
    let [inner_width, inner_height] = [inner_width, inner_height].map(|side| body.var(side));
    let middle = |whole: Var<I32>, part: Var<I32>| {
        (whole.get() - part.get()).shifted_right(Expr::int(1)).into_f64()
    };
    let side = |inner: Var<F32>, whole: u32| inner.get().into_i32().clamped(1, Expr::int(whole));
    let first = |inner: Var<F32>, whole: u32| {
        ((float(whole) - inner.get()) / Expr::<F32>::float(2.0)).into_i32()
    };
    from.set(
        body,
        [
            middle(width, from_width),
            middle(height, from_height),
            from_width.get().into_f64(),
            from_height.get().into_f64(),
        ],
    );
    inner.set(
        body,
        [
            first(inner_width, to_width).into_f64(),
            first(inner_height, to_height).into_f64(),
            side(inner_width, to_width).into_f64(),
            side(inner_height, to_height).into_f64(),
        ],
    );
}
