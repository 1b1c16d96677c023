use headstart_kernels::{Isa, elementwise};

use super::maps::{Gradient, Maps, MapsMut};
use crate::network::layout::runs;

/// Multiplies each channel of a map by its own value; all are dense except the output.
pub(crate) fn forward(isa: Isa, x: Maps<'_>, gate: Maps<'_>, mut y: MapsMut<'_>) {
    y.clear();
    let layout = y.layout;
    for ((x_map, gate), y_map) in x.pictures().zip(gate.pictures()).zip(y.pictures()) {
        runs([x.layout, layout], |[from, to]| {
            elementwise::gate(isa, &x_map[from], gate, &mut y_map[to]);
        });
    }
}

/// Computes the gradients of the map and of its channels' factors from the gradient of the products, which is dense.
pub(crate) fn backward(
    isa: Isa,
    (x, gate): (Maps<'_>, Maps<'_>),
    d_y: Maps<'_>,
    d_x: Option<Gradient<'_>>,
    d_gate: Option<Gradient<'_>>,
) {
    if let Some(d_x) = d_x {
        d_x.write(|d_x| forward(isa, d_y, gate, d_x));
    }
    if let Some(d_gate) = d_gate {
        d_gate.write(|mut d_gate| {
            d_gate.values.fill(0.0);
            let maps = x.pictures().zip(d_y.pictures());
            for ((x, d_y), sums) in maps.zip(d_gate.pictures()) {
                let channels = sums.len();
                for (x, d) in x.chunks_exact(channels).zip(d_y.chunks_exact(channels)) {
                    for c in 0..channels {
                        sums[c] += x[c] * d[c];
                    }
                }
            }
        });
    }
}
