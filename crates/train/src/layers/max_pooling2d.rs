use headstart_kernels::{Isa, pool};

use super::maps::{Gradient, Maps, MapsMut};

/// A window, and the padding rows above the map and columns before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling {
    pub(crate) side: usize,
    pub(crate) stride: usize,
    pub(crate) before: (usize, usize),
}

/// Computes the largest value under each window; the input is dense.
pub(crate) fn forward(isa: Isa, pooling: Pooling, x: Maps<'_>, mut y: MapsMut<'_>) {
    let dense = y.layout.unpadded();
    let mut own = vec![0.0; dense.len() * (x.values.len() / x.layout.len())];
    for (x_map, out) in x.pictures().zip(own.chunks_exact_mut(dense.len())) {
        pool::MaxPool {
            x: x_map,
            size: (x.layout.height, x.layout.width),
            channels: dense.channels,
            window: (pooling.side, pooling.stride),
            before: pooling.before,
            first: 0,
            out,
            columns: dense.width,
        }
        .run(isa);
    }
    y.copy_from(Maps { values: &own, layout: &dense });
}

/// Propagates each gradient to the first of the largest values under its window; all are dense except `d_x`.
pub(crate) fn backward(isa: Isa, pooling: Pooling, x: Maps<'_>, d_y: Maps<'_>, d_x: Gradient<'_>) {
    d_x.write(|mut d_x| {
        d_x.values.fill(0.0);
        let layout = *d_x.layout;
        let maps = x.pictures().zip(d_y.pictures());
        for ((x_map, d_y_map), d_x) in maps.zip(d_x.pictures()) {
            pool::MaxPoolGradient {
                x: x_map,
                size: (x.layout.height, x.layout.width),
                channels: x.layout.channels,
                window: (pooling.side, pooling.stride),
                before: pooling.before,
                d_y: d_y_map,
                columns: d_y.layout.width,
                d_x: &mut d_x[layout.start(0)..],
                strides: (layout.start(1) - layout.start(0), layout.pixel),
            }
            .run(isa);
        }
    });
}
