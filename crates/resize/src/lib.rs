//! Resizing to the model's input size.
//!
//! There are two conventions, and a model follows that of its interpolation: `bilinear` and `bicubic` are Pillow's,
//! whose filters are widened for downscaling; `tensorflow` and `area` are Keras's. They also round differently in
//! cropping and padding.

#![forbid(unsafe_code)]

mod antialiased;
mod area;
pub mod blend;
mod down;
mod fit;
mod reduce;
mod tensorflow;

use fast_image_resize::FilterType;
use headstart_decode::{Covered, Rgb};
use headstart_model::{Interpolation, Preprocessing};

use antialiased::Antialiased;
use area::Area;
use tensorflow::Tensorflow;

pub use fit::{Fitted, Rect};
pub use reduce::Reduce;

/// Resizes pictures; keep one per thread, since it keeps its working memory.
///
/// With [`Interpolation::Bilinear`] and [`Interpolation::Bicubic`], results are within one level of Pillow's and
/// torchvision's (two in single samples, where both passes meet a tie); [`Fit::Crop`](headstart_model::Fit::Crop) is
/// Pillow's `ImageOps.fit` and [`Fit::Pad`](headstart_model::Fit::Pad) its `ImageOps.pad`. Columns are resampled before
/// rows, as by Pillow up to release 12 and by torchvision (later releases choose by the sizes); the order matters where
/// a cubic overshoots and is clipped.
///
/// With [`Interpolation::Tensorflow`] and [`Interpolation::Area`], results are within one level of the rounded results
/// of Keras's `image_dataset_from_directory` with its interpolations `bilinear` and `area` (Keras keeps fractions);
/// cropped and padded as by its `crop_to_aspect_ratio` and `pad_to_aspect_ratio`.
///
/// For a picture reduced in decoding, the part of its pixels that it covers, with fractional edges, is resized
/// ([`Rgb::covered`]); [`Interpolation::Tensorflow`], which is for unreduced pictures, uses all of them.
#[derive(Debug, Default)]
pub struct Resizer {
    antialiased: Antialiased,
    area: Area,
    tensorflow: Tensorflow,
}

impl Resizer {
    /// Creates a resizer without allocating.
    pub fn new() -> Self {
        Self::default()
    }

    /// Resizes a picture to `to.height` x `to.width`: 8-bit RGB of shape (height, width, 3). A picture that already has
    /// this size is unchanged.
    ///
    /// # Panics
    /// When a side of `to` is zero or beyond `u32`.
    pub fn resize(&mut self, picture: &Rgb, to: &Preprocessing) -> Vec<u8> {
        let mut out = vec![0; to.height * to.width * 3];
        self.resize_into(picture, to, &mut out);
        out
    }

    /// Resizes like [`Resizer::resize`], into memory of the caller.
    ///
    /// # Panics
    /// When `out` is not `to.height * to.width * 3` bytes long, or a side of `to` is zero or beyond `u32`.
    pub fn resize_into(&mut self, picture: &Rgb, to: &Preprocessing, out: &mut [u8]) {
        assert_eq!(out.len(), to.height * to.width * 3, "the output has another size");
        assert!(!out.is_empty(), "the output has no pixels");
        let Covered { divisor, width, height, .. } = picture.covered();
        if (height, width) == (to.height * divisor, to.width * divisor) {
            out.copy_from_slice(picture.pixels());
            return;
        }
        let filter = match to.interpolation {
            Interpolation::Bilinear => FilterType::Bilinear,
            Interpolation::Bicubic => FilterType::CatmullRom,
            Interpolation::Area => return self.area.resize(picture, to, out),
            Interpolation::Tensorflow => return self.tensorflow.resize(picture, to, out),
        };
        self.antialiased.resize(picture, filter, to, out);
    }
}
