//! Resampling with a filter that is widened when a picture shrinks.

use fast_image_resize::images::{CroppedImageMut, Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions};
use headstart_model::Preprocessing;

use super::fit::{Fitted, Rect, pillow};
use crate::decode::Rgb;

/// The radius of the widest filter, the cubic, in pixels of the smaller picture.
const RADIUS: f64 = 2.0;

/// Two passes, columns first, each rounded to 8 bits, and the rows between them.
#[derive(Debug, Default)]
pub(super) struct Antialiased {
    passes: fast_image_resize::Resizer,
    rows: Vec<u8>,
}

impl Antialiased {
    pub(super) fn resize(
        &mut self,
        picture: &Rgb,
        filter: FilterType,
        to: &Preprocessing,
        out: &mut [u8],
    ) {
        let fitted = pillow(picture, to);
        fitted.blacken(to, out);
        let Fitted { from, to: inner } = fitted;
        let (first, rows) = reached(&from, inner.height, picture.height());
        // No clearing: every byte is written.
        self.rows.resize(inner.width * rows * 3, 0);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));

        let source = view(picture.width(), picture.height(), picture.pixels());
        let across = options.crop(from.left, first as f64, from.width, rows as f64);
        let mut narrow = view_mut(inner.width, rows, &mut self.rows);
        self.passes
            .resize(&source, &mut narrow, &across)
            .expect("a part of the picture, same pixel type");

        let source = view(inner.width, rows, &self.rows);
        let down = options.crop(0.0, from.top - first as f64, inner.width as f64, from.height);
        let mut whole = view_mut(to.width, to.height, out);
        let Rect { left, top, width, height } = inner;
        let mut target =
            CroppedImageMut::new(&mut whole, side(left), side(top), side(width), side(height))
                .expect("a part of the output");
        self.passes
            .resize(&source, &mut target, &down)
            .expect("a part of the rows, same pixel type");
    }
}

/// The first of the rows that the filter reaches when `from` becomes `height` rows, and their
/// number.
fn reached(from: &Rect<f64>, height: usize, rows: usize) -> (usize, usize) {
    let reach = RADIUS * (from.height / height as f64).max(1.0) + 1.0;
    let first = (from.top - reach).floor().max(0.0);
    let end = (from.top + from.height + reach).ceil().min(rows as f64);
    (first as usize, (end - first) as usize)
}

fn side(n: usize) -> u32 {
    u32::try_from(n).expect("a side beyond u32")
}

fn view(width: usize, height: usize, pixels: &[u8]) -> ImageRef<'_> {
    ImageRef::new(side(width), side(height), pixels, PixelType::U8x3)
        .expect("the length fits the size")
}

fn view_mut(width: usize, height: usize, pixels: &mut [u8]) -> Image<'_> {
    Image::from_slice_u8(side(width), side(height), pixels, PixelType::U8x3)
        .expect("the length fits the size")
}
