use headstart_kernels::{Function, Isa};

use super::maps::{Gradient, Maps, MapsMut};
use crate::network::layout::runs;

/// Applies a function to each value of a dense input.
pub(crate) fn forward(isa: Isa, function: Function, x: Maps<'_>, mut y: MapsMut<'_>) {
    y.copy_from(x);
    let layout = y.layout;
    for picture in y.pictures() {
        runs([layout], |[run]| function.apply(isa, &mut picture[run]));
    }
}

/// Computes the gradient of the input from the gradient of the output, both dense.
pub(crate) fn backward(
    isa: Isa,
    function: Function,
    x: Maps<'_>,
    d_y: Maps<'_>,
    d_x: Gradient<'_>,
) {
    d_x.write(|mut d_x| {
        d_x.copy_from(d_y);
        let layouts = [x.layout, d_x.layout];
        for (x, d) in x.pictures().zip(d_x.pictures()) {
            runs(layouts, |[from, to]| function.gradient(isa, &x[from], &mut d[to]));
        }
    });
}
