//! To the size that the model asks for.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions};
use headstart_model::{Fit, Interpolation, Preprocessing};

use crate::decode::Rgb;

/// Resizes pictures; keep one per thread, since it keeps its working memory.
///
/// Filters are widened when a picture shrinks (antialiasing): results are within one
/// level of Pillow's `BILINEAR` and `BICUBIC` (two in single samples, where both passes
/// meet a tie), and [`Fit::Crop`] is its `ImageOps.fit`.
/// Columns are resampled before rows, as by Pillow up to release 12 and by torchvision
/// (later releases choose by the sizes); the order shows where a cubic overshoots and is
/// clipped.
#[derive(Debug, Default)]
pub struct Resizer {
    inner: fast_image_resize::Resizer,
    /// The rows between the two passes.
    rows: Vec<u8>,
}

impl Resizer {
    /// A resizer that has allocated nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Resizes a picture to `to.height` x `to.width`: 8-bit RGB of shape
    /// (height, width, 3). A picture that has this size already passes through untouched.
    ///
    /// # Panics
    /// When a side of `to` is zero or beyond `u32`.
    pub fn resize(&mut self, picture: &Rgb, to: &Preprocessing) -> Vec<u8> {
        let mut out = vec![0; to.height * to.width * 3];
        self.resize_into(picture, to, &mut out);
        out
    }

    /// Like [`Resizer::resize`], into memory of the caller's.
    ///
    /// # Panics
    /// When `out` is not `to.height * to.width * 3` bytes long, or a side of `to` is zero
    /// or beyond `u32`.
    pub fn resize_into(&mut self, picture: &Rgb, to: &Preprocessing, out: &mut [u8]) {
        assert_eq!(out.len(), to.height * to.width * 3, "the output has another size");
        assert!(!out.is_empty(), "the output has no pixels");
        if (picture.height(), picture.width()) == (to.height, to.width) {
            out.copy_from_slice(picture.pixels());
            return;
        }
        let (filter, radius) = match to.interpolation {
            Interpolation::Bilinear => (FilterType::Bilinear, 1.0),
            Interpolation::Bicubic => (FilterType::CatmullRom, 2.0),
        };
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        let part = Part::of(picture, to);

        // The rows that the vertical filter reaches.
        let reach = radius * (part.height / to.height as f64).max(1.0) + 1.0;
        let first = (part.top - reach).floor().max(0.0);
        let end = (part.top + part.height + reach).ceil().min(picture.height() as f64);
        let rows = (end - first) as usize;
        // No clearing: every byte is written.
        self.rows.resize(to.width * rows * 3, 0);

        let source = view(picture.width(), picture.height(), picture.pixels());
        let across = options.crop(part.left, first, part.width, rows as f64);
        let mut narrow = view_mut(to.width, rows, &mut self.rows);
        self.inner
            .resize(&source, &mut narrow, &across)
            .expect("a part of the picture, same pixel type");

        let source = view(to.width, rows, &self.rows);
        let down = options.crop(0.0, part.top - first, to.width as f64, part.height);
        let mut target = view_mut(to.width, to.height, out);
        self.inner
            .resize(&source, &mut target, &down)
            .expect("a part of the rows, same pixel type");
    }
}

/// The part of a picture that is resized, in pixels from its top left corner.
struct Part {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Part {
    fn of(picture: &Rgb, to: &Preprocessing) -> Self {
        let (width, height) = (picture.width() as f64, picture.height() as f64);
        let aspect = to.width as f64 / to.height as f64;
        let (part_width, part_height) = match to.fit {
            Fit::Stretch => (width, height),
            Fit::Crop if width / height > aspect => (aspect * height, height),
            Fit::Crop => (width, (width / aspect).min(height)),
        };
        Self {
            left: (width - part_width) / 2.0,
            top: (height - part_height) / 2.0,
            width: part_width,
            height: part_height,
        }
    }
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
