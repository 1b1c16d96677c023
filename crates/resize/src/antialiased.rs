//! Resampling with a filter that is widened for downscaling.

use std::ops::Range;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions};
use headstart_decode::Rgb;
use headstart_model::Preprocessing;

use crate::down::Down;
use crate::fit::{Fitted, pillow};

/// Bytes of buffered rows, unless an output row needs more: few enough to stay in the cache, and enough that the
/// horizontal weights are not recomputed often.
const HELD: usize = 1 << 20;

/// Two passes, columns first, each rounded to 8 bits. Only the intermediate rows that an output row needs, and some
/// later ones, are buffered.
#[derive(Debug, Default)]
pub(crate) struct Antialiased {
    across: fast_image_resize::Resizer,
    rows: Vec<u8>,
}

impl Antialiased {
    pub(crate) fn resize(
        &mut self,
        picture: &Rgb,
        filter: FilterType,
        to: &Preprocessing,
        out: &mut [u8],
    ) {
        let fitted = pillow(picture, to);
        fitted.blacken(to, out);
        let Fitted { from, to: inner } = fitted;
        let down =
            Down::new(filter, from.top..from.top + from.height, picture.height(), inner.height);
        let end = down.rows(inner.height - 1).end;
        let line = inner.width * 3;
        let most = (HELD / line).max(down.most_rows());
        // No clearing: every byte is written.
        self.rows.resize(most.min(end) * line, 0);

        let source = view(picture.width(), picture.height(), picture.pixels());
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        let mut across = |rows: Range<usize>, narrow: &mut [u8]| {
            let part = options.crop(from.left, rows.start as f64, from.width, rows.len() as f64);
            self.across
                .resize_typed(&source, &mut view_mut(inner.width, rows.len(), narrow), &part)
                .expect("a part of the picture");
        };
        let mut held = 0..0;
        let lines = out.chunks_exact_mut(to.width * 3).skip(inner.top).take(inner.height);
        for (y, out) in lines.enumerate() {
            let rows = down.rows(y);
            if rows.end > held.end {
                let known = rows.start.min(held.end)..held.end;
                self.rows.copy_within((known.start - held.start) * line..held.len() * line, 0);
                let new = known.end.max(rows.start)..end.min(rows.start + most);
                across(new.clone(), &mut self.rows[known.len() * line..][..new.len() * line]);
                held = rows.start..new.end;
            }
            let rows = &self.rows[(rows.start - held.start) * line..][..rows.len() * line];
            down.mix(y, rows, &mut out[inner.left * 3..][..line]);
        }
        self.rows.truncate(HELD);
        self.rows.shrink_to(HELD);
    }
}

fn side(n: usize) -> u32 {
    u32::try_from(n).expect("a side beyond u32")
}

// With a fixed pixel type: dynamic views would require code for all types.
fn view(width: usize, height: usize, pixels: &[u8]) -> TypedImageRef<'_, U8x3> {
    TypedImageRef::from_buffer(side(width), side(height), pixels).expect("the length fits the size")
}

fn view_mut(width: usize, height: usize, pixels: &mut [u8]) -> TypedImage<'_, U8x3> {
    TypedImage::from_buffer(side(width), side(height), pixels).expect("the length fits the size")
}
