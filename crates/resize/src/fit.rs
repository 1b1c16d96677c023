//! Mapping of parts of a picture to parts of the output.

use headstart_decode::Rgb;
use headstart_model::{Fit, Interpolation, Preprocessing};

/// A rectangle, in pixels from the top left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Rect<T> {
    pub left: T,
    pub top: T,
    pub width: T,
    pub height: T,
}

/// A mapping of pixels: `from` of the picture becomes `to` of the output; the rest of the output is black.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fitted<T> {
    /// The visible part of the picture.
    pub from: Rect<T>,
    /// The part of the output that it fills.
    pub to: Rect<usize>,
}

impl Fitted<f64> {
    /// The mapping of a picture of `width` x `height` (before any reduction in decoding) when it is
    /// [resized](crate::Resizer::resize).
    pub fn new(width: usize, height: usize, to: &Preprocessing) -> Self {
        match to.interpolation {
            Interpolation::Bilinear | Interpolation::Bicubic => {
                pillow_of((width as f64, height as f64), to)
            }
            Interpolation::Area | Interpolation::Tensorflow => {
                let Fitted { from: Rect { left, top, width, height }, to } =
                    keras((width, height), to);
                let [left, top, width, height] = [left, top, width, height].map(|n| n as f64);
                Self { from: Rect { left, top, width, height }, to }
            }
        }
    }
}

impl<T> Fitted<T> {
    /// Blackens the unfilled part of an output of the size `to`.
    pub(crate) fn blacken(&self, to: &Preprocessing, out: &mut [u8]) {
        if (self.to.width, self.to.height) != (to.width, to.height) {
            out.fill(0);
        }
    }
}

/// The mapping of Pillow's `ImageOps.fit` and `ImageOps.pad`. A cropped part has fractional edges; a padded picture is
/// rounded to the nearest size, and its position likewise, ties to even. For a reduced picture it is the part that it
/// covers, as for `draft` and the box it returns.
pub(crate) fn pillow(picture: &Rgb, to: &Preprocessing) -> Fitted<f64> {
    let covered = picture.covered();
    // Exact: divisors are powers of two.
    let pixels = |units: usize| units as f64 / covered.divisor as f64;
    let mut fitted = pillow_of((pixels(covered.width), pixels(covered.height)), to);
    fitted.from.left += pixels(covered.left);
    fitted.from.top += pixels(covered.top);
    fitted
}

/// [`pillow`], for a picture that was not reduced.
fn pillow_of((width, height): (f64, f64), to: &Preprocessing) -> Fitted<f64> {
    let (to_width, to_height) = (to.width as f64, to.height as f64);
    let aspect = to_width / to_height;
    let wider = width / height > aspect;
    let (part_width, part_height) = match to.fit {
        Fit::Crop if wider => (aspect * height, height),
        Fit::Crop => (width, (width / aspect).min(height)),
        Fit::Stretch | Fit::Pad => (width, height),
    };
    let (inner_width, inner_height) = match to.fit {
        Fit::Pad if wider => (to_width, height / width * to_width),
        Fit::Pad => (width / height * to_height, to_height),
        Fit::Stretch | Fit::Crop => (to_width, to_height),
    };
    let side = |inner: f64, whole: usize| (inner.round_ties_even() as usize).clamp(1, whole);
    let first =
        |inner: usize, whole: usize| ((whole - inner) as f64 / 2.0).round_ties_even() as usize;
    let (inner_width, inner_height) = (side(inner_width, to.width), side(inner_height, to.height));
    Fitted {
        from: Rect {
            left: (width - part_width) / 2.0,
            top: (height - part_height) / 2.0,
            width: part_width,
            height: part_height,
        },
        to: Rect {
            left: first(inner_width, to.width),
            top: first(inner_height, to.height),
            width: inner_width,
            height: inner_height,
        },
    }
}

/// The mapping of `image_dataset_from_directory`: Keras's `smart_resize` crops whole pixels, TensorFlow's
/// `resize_with_pad` resizes and then pads. Sizes and positions are rounded down after divisions in f32, so a side that
/// should fill the output may be a pixel short. A side shorter than a pixel, which TensorFlow rejects, becomes one.
pub(crate) fn keras((width, height): (usize, usize), to: &Preprocessing) -> Fitted<usize> {
    let (mut from_width, mut from_height) = (width, height);
    let (mut to_width, mut to_height) = (to.width as f32, to.height as f32);
    match to.fit {
        Fit::Stretch => {}
        Fit::Crop => {
            let crop = |across: usize, by: usize, over: usize, side: usize| {
                (((across * by) as f32 / over as f32) as usize).min(side).max(1)
            };
            from_width = crop(height, to.width, to.height, width);
            from_height = crop(width, to.height, to.width, height);
        }
        Fit::Pad => {
            let ratio = (width as f32 / to_width).max(height as f32 / to_height);
            (to_width, to_height) = (width as f32 / ratio, height as f32 / ratio);
        }
    }
    let side = |inner: f32, whole: usize| (inner as usize).clamp(1, whole);
    let first = |inner: f32, whole: usize| ((whole as f32 - inner) / 2.0) as usize;
    Fitted {
        from: Rect {
            left: (width - from_width) / 2,
            top: (height - from_height) / 2,
            width: from_width,
            height: from_height,
        },
        to: Rect {
            left: first(to_width, to.width),
            top: first(to_height, to.height),
            width: side(to_width, to.width),
            height: side(to_height, to.height),
        },
    }
}
