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
pub(crate) fn backward(pooling: Pooling, x: Maps<'_>, d_y: Maps<'_>, d_x: Gradient<'_>) {
    let Pooling { side, stride, before } = pooling;
    let (from, channels, width) = (x.layout, x.layout.channels, d_y.layout.width);
    d_x.write(|mut d_x| {
        d_x.values.fill(0.0);
        let layout = *d_x.layout;
        let maps = x.pictures().zip(d_y.pictures());
        for ((x, d_y), d_x) in maps.zip(d_x.pictures()) {
            for (index, d) in d_y.chunks_exact(channels).enumerate() {
                let (row, column) = (index / width, index % width);
                let rows = pool::under(row * stride, side, before.0, from.height);
                let columns = pool::under(column * stride, side, before.1, from.width);
                for (c, d) in d.iter().enumerate() {
                    let places = rows.clone().flat_map(|y| columns.clone().map(move |x| (y, x)));
                    let value = |(y, x_at): (usize, usize)| x[from.start(y) + x_at * channels + c];
                    let most = places.reduce(|a, b| if value(b) > value(a) { b } else { a });
                    let (y, x_at) = most.expect("a window has values");
                    d_x[layout.start(y) + x_at * layout.pixel + c] += d;
                }
            }
        }
    });
}
