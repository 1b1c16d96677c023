use headstart_model::Margins;

use super::maps::{Gradient, Maps, MapsMut};
use crate::network::layout::Layout;

/// The layout of the map within the padded one, which is dense.
fn inner(margins: Margins, padded: &Layout) -> Layout {
    let height = padded.height - margins.top - margins.bottom;
    let width = padded.width - margins.left - margins.right;
    Layout { height, width, margins, ..*padded }
}

/// Surrounds a map with zeros.
pub(crate) fn forward(margins: Margins, x: Maps<'_>, y: MapsMut<'_>) {
    MapsMut { values: y.values, layout: &inner(margins, y.layout) }.copy_from(x);
}

/// Computes the gradient of the map within the zeros.
pub(crate) fn backward(margins: Margins, d_y: Maps<'_>, d_x: Gradient<'_>) {
    let inner = inner(margins, d_y.layout);
    d_x.write(|mut d_x| d_x.copy_from(Maps { values: d_y.values, layout: &inner }));
}
