use headstart_model::Margins;

use super::maps::{Gradient, Maps, MapsMut};
use crate::train::network::layout::{Layout, runs};

/// The layout of the map within the padded one, which is dense.
fn inner(margins: Margins, padded: &Layout) -> Layout {
    let height = padded.height - margins.top - margins.bottom;
    let width = padded.width - margins.left - margins.right;
    Layout { height, width, margins, ..*padded }
}

/// Zeros around a map.
pub(crate) fn forward(margins: Margins, x: Maps<'_>, mut y: MapsMut<'_>) {
    let inner = inner(margins, y.layout);
    for (x_map, y_map) in x.pictures().zip(y.pictures()) {
        inner.clear(y_map);
        runs([x.layout, &inner], |[from, to]| y_map[to].copy_from_slice(&x_map[from]));
    }
}

/// The gradient of the map within the zeros.
pub(crate) fn backward(margins: Margins, d_y: Maps<'_>, d_x: Gradient<'_>) {
    let inner = inner(margins, d_y.layout);
    d_x.write(|mut d_x| {
        d_x.clear();
        let layout = d_x.layout;
        for (from_map, to_map) in d_y.pictures().zip(d_x.pictures()) {
            runs([&inner, layout], |[from, to]| to_map[to].copy_from_slice(&from_map[from]));
        }
    });
}
