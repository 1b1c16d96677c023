use super::maps::{Gradient, Maps, MapsMut};
use crate::network::layout::Layout;

/// Concatenates the channels of two maps, both dense.
pub(crate) fn forward(a: Maps<'_>, b: Maps<'_>, mut y: MapsMut<'_>) {
    y.clear();
    let mut first = 0;
    for part in [a, b] {
        let layout = *y.layout;
        for (from, to) in part.pictures().zip(y.pictures()) {
            each_pixel(part.layout, &layout, |from_at, to_at| {
                let channels = part.layout.channels;
                to[to_at + first..][..channels].copy_from_slice(&from[from_at..][..channels]);
            });
        }
        first += part.layout.channels;
    }
}

/// Computes the gradient of the map whose channels start at `first` from the gradient of the concatenation, which is
/// dense.
pub(crate) fn backward(d_y: Maps<'_>, first: usize, d_x: Gradient<'_>) {
    d_x.write(|mut d_x| {
        d_x.clear();
        let layout = *d_x.layout;
        for (from, to) in d_y.pictures().zip(d_x.pictures()) {
            each_pixel(d_y.layout, &layout, |from_at, to_at| {
                let channels = layout.channels;
                to[to_at..][..channels].copy_from_slice(&from[from_at + first..][..channels]);
            });
        }
    });
}

/// Calls `each` with the start of each pixel in both layouts.
fn each_pixel(a: &Layout, b: &Layout, mut each: impl FnMut(usize, usize)) {
    for y in 0..a.height {
        for x in 0..a.width {
            each(a.start(y) + x * a.pixel, b.start(y) + x * b.pixel);
        }
    }
}
