//! Kernels: functions for exactly the shapes of a network.

mod conv;
mod depthwise;
mod mean;
mod normalize;
mod widen;

pub(crate) use conv::Conv;
pub(crate) use depthwise::Depthwise;
pub(crate) use mean::mean;
pub(crate) use normalize::Normalize;
pub(crate) use widen::widen;

use headstart_engine::frozen::Clamp;

use crate::code::{Expr, V128};

/// Bytes in an f32.
pub(crate) const F32_BYTES: usize = size_of::<f32>();
/// f32 values in a vector.
pub(crate) const LANES: usize = 4;

/// Limits values to a range.
fn clamped(value: Expr<V128>, clamp: Clamp) -> Expr<V128> {
    let value = match clamp.min > f32::NEG_INFINITY {
        true => Expr::four(clamp.min).pmax(value),
        false => value,
    };
    match clamp.max < f32::INFINITY {
        true => Expr::four(clamp.max).pmin(value),
        false => value,
    }
}

/// Divides `count` into tiles of at most `most` each, as equal in size as possible: the number and the size of the
/// larger tiles, and then of the others.
fn tiles(count: usize, most: usize) -> [(usize, usize); 2] {
    let tiles = count.div_ceil(most);
    let (least, larger) = (count / tiles, count % tiles);
    [(larger, least + 1), (tiles - larger, least)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_of_even_sizes_and_cover_all() {
        for (count, most, expected) in [
            (1, 6, [(0, 2), (1, 1)]),
            (6, 6, [(0, 7), (1, 6)]),
            (7, 6, [(1, 4), (1, 3)]),
            (25, 5, [(0, 6), (5, 5)]),
            (49, 6, [(4, 6), (5, 5)]),
        ] {
            let tiles = tiles(count, most);
            assert_eq!(tiles, expected, "{count} by {most}");
            assert_eq!(tiles.iter().map(|(tiles, size)| tiles * size).sum::<usize>(), count);
        }
    }
}
