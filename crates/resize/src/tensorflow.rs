//! `tf.image.resize` with its defaults: bilinear between the four nearest pixels, regardless of downscaling, with
//! half-pixel centres.

use headstart_decode::Rgb;
use headstart_model::Preprocessing;

use crate::blend::{WEIGHT, blend, pack};
use crate::fit::{Fitted, keras};

/// The pixels between which the output columns are interpolated.
#[derive(Debug, Default)]
pub(crate) struct Tensorflow {
    columns: Vec<Between>,
}

impl Tensorflow {
    pub(crate) fn resize(&mut self, picture: &Rgb, to: &Preprocessing, out: &mut [u8]) {
        let fitted = keras((picture.width(), picture.height()), to);
        fitted.blacken(to, out);
        let Fitted { from, to: inner } = fitted;
        self.columns.clear();
        let column = |x| Between::new(x, inner.width, from.width).shifted(from.left);
        self.columns.extend((0..inner.width).map(column));

        let pixels = picture.pixels().as_chunks::<3>().0;
        let row = |y: usize| &pixels[y * picture.width()..][..picture.width()];
        let lines = out.as_chunks_mut::<3>().0.chunks_exact_mut(to.width).skip(inner.top);
        for (y, line) in lines.take(inner.height).enumerate() {
            let between = Between::new(y, inner.height, from.height).shifted(from.top);
            let (above, below) = (row(between.first), row(between.second));
            for (pixel, column) in line[inner.left..].iter_mut().zip(&self.columns) {
                let Between { first, second, weight } = *column;
                let near = [above[first], above[second], below[first], below[second]];
                *pixel = blend(near.map(|pixel| pack(&pixel)), weight, between.weight);
            }
        }
    }
}

/// The two pixels of a line between which a sample is interpolated, and the weight of the second.
#[derive(Clone, Copy, Debug)]
struct Between {
    first: usize,
    second: usize,
    weight: u64,
}

impl Between {
    /// For pixel `at` of the `to` pixels to which a line of `from` pixels is resized. Beyond the centres of the
    /// outermost pixels the line is constant.
    fn new(at: usize, to: usize, from: usize) -> Self {
        let last = from - 1;
        let middle = (at as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
        let before = middle.floor();
        Self {
            first: (before as usize).min(last),
            second: (middle.ceil() as usize).min(last),
            weight: ((middle - before) * (1 << WEIGHT) as f32).round() as u64,
        }
    }

    /// The same, with `by` pixels before the line.
    fn shifted(self, by: usize) -> Self {
        Self { first: self.first + by, second: self.second + by, ..self }
    }
}
