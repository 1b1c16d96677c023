use headstart_kernels::{Isa, pool};

use super::maps::{Gradient, Maps, MapsMut};
use crate::network::layout::runs;

/// Computes the mean over all positions of a dense input.
pub(crate) fn forward(isa: Isa, x: Maps<'_>, mut y: MapsMut<'_>) {
    for (x, y) in x.pictures().zip(y.pictures()) {
        pool::global_average(isa, x, y);
    }
}

/// Computes the gradient of the input from the gradient of the means.
pub(crate) fn backward(d_y: Maps<'_>, d_x: Gradient<'_>) {
    d_x.write(|mut d_x| {
        d_x.clear();
        let layout = d_x.layout;
        let share = 1.0 / (layout.height * layout.width) as f32;
        for (d_y, d_x) in d_y.pictures().zip(d_x.pictures()) {
            runs([layout], |[run]| {
                for to in d_x[run].chunks_exact_mut(d_y.len()) {
                    for (to, d) in to.iter_mut().zip(d_y) {
                        *to = d * share;
                    }
                }
            });
        }
    });
}
