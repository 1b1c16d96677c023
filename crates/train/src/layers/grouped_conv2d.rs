use headstart_kernels::{Clamp, Isa};

use super::Conv2D;
use super::maps::{Before, Gradient, Maps, MapsMut, WeightGradients};
use crate::network::layout::Layout;

/// A grouped convolution: one convolution for each group, over its gathered channels.
///
/// Its input includes the zeros of its padding.
pub(crate) struct GroupedConv2D {
    groups: Vec<Conv2D>,
    /// Output channels per group.
    outputs: usize,
}

impl GroupedConv2D {
    /// `kernel` is `[side][side][inputs of a group][outputs]`.
    pub(crate) fn new(
        isa: Isa,
        window: (usize, usize),
        groups: usize,
        (kernel, bias): (&[f32], &[f32]),
        clamp: Clamp,
        differentiable: bool,
    ) -> Self {
        let outputs = bias.len() / groups;
        let conv = |group: usize| {
            let (kernel, bias) = of_group(kernel, bias, group, outputs);
            Conv2D::new(isa, window, (&kernel, bias), clamp, differentiable)
        };
        Self { groups: (0..groups).map(conv).collect(), outputs }
    }

    /// Replaces the weights by others of the same shape.
    pub(crate) fn load(&mut self, kernel: &[f32], bias: &[f32]) {
        for (group, conv) in self.groups.iter_mut().enumerate() {
            let (kernel, bias) = of_group(kernel, bias, group, self.outputs);
            conv.load(&kernel, bias);
        }
    }

    /// The layout of the channels of a group of `all`.
    fn of(&self, all: &Layout) -> Layout {
        let channels = all.channels / self.groups.len();
        Layout { channels, pixel: channels, ..*all }
    }

    pub(crate) fn forward(&self, x: Maps<'_>, mut y: MapsMut<'_>) {
        y.clear();
        let pictures = x.values.len() / x.layout.len();
        let (of_x, of_y) = (self.of(x.layout), self.of(&y.layout.unpadded()));
        let mut own_x = vec![0.0; pictures * of_x.len()];
        let mut own_y = vec![0.0; pictures * of_y.len()];
        for (group, conv) in self.groups.iter().enumerate() {
            gather(x, group, (&mut own_x, &of_x));
            let (x, y_maps) = (
                Maps { values: &own_x, layout: &of_x },
                MapsMut { values: &mut own_y, layout: &of_y },
            );
            conv.forward(x, None, y_maps);
            scatter((&own_y, &of_y), group, &mut y);
        }
    }

    /// Computes gradients from the gradient of the output, which is dense.
    pub(crate) fn backward(
        &self,
        x: Maps<'_>,
        d_y: Maps<'_>,
        mut d_weights: Option<WeightGradients<'_>>,
        d_x: Option<Gradient<'_>>,
    ) {
        let pictures = x.values.len() / x.layout.len();
        let of_d_x = d_x.as_ref().map(|d_x| d_x.maps.layout.unpadded());
        let mut all_d_x = of_d_x.map(|layout| vec![0.0; pictures * layout.len()]);
        let (of_x, of_d_y) = (self.of(x.layout), self.of(d_y.layout));
        let mut own_x = vec![0.0; pictures * of_x.len()];
        let mut own_d_y = vec![0.0; pictures * of_d_y.len()];
        for (group, conv) in self.groups.iter().enumerate() {
            gather(x, group, (&mut own_x, &of_x));
            gather(d_y, group, (&mut own_d_y, &of_d_y));
            let mut own = d_weights.as_ref().map(|all| {
                (vec![0.0; all.kernel.len() / self.groups.len()], vec![0.0; self.outputs])
            });
            let weights =
                own.as_mut().map(|(kernel, bias)| WeightGradients { kernel, bias, add: false });
            let own_of_d_x = of_d_x.map(|layout| self.of(&layout));
            let mut own_d_x = own_of_d_x.map(|layout| vec![0.0; pictures * layout.len()]);
            let gradient = own_d_x.as_mut().zip(own_of_d_x.as_ref()).map(|(values, layout)| {
                let maps = MapsMut { values, layout };
                Gradient { maps, before: Before::Nothing, gate: None }
            });
            conv.backward(
                Maps { values: &own_x, layout: &of_x },
                Maps { values: &own_d_y, layout: &of_d_y },
                weights,
                gradient,
            );
            if let (Some(all), Some((kernel, bias))) = (&mut d_weights, own) {
                let outputs = self.outputs * self.groups.len();
                let rows = all.kernel.chunks_exact_mut(outputs);
                for (to, from) in rows.zip(kernel.chunks_exact(self.outputs)) {
                    put(&mut to[group * self.outputs..], from, all.add);
                }
                put(&mut all.bias[group * self.outputs..], &bias, all.add);
            }
            if let (Some(all), Some(own), Some(layout), Some(of_own)) =
                (&mut all_d_x, &own_d_x, &of_d_x, &own_of_d_x)
            {
                scatter((own, of_own), group, &mut MapsMut { values: all, layout });
            }
        }
        if let (Some(d_x), Some(values), Some(layout)) = (d_x, all_d_x, of_d_x) {
            d_x.write(|mut d_x| d_x.copy_from(Maps { values: &values, layout: &layout }));
        }
    }
}

/// Writes values, or adds them to the present ones.
fn put(to: &mut [f32], from: &[f32], add: bool) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = if add { *to + from } else { *from };
    }
}

/// The kernel and bias of a group.
fn of_group<'a>(
    kernel: &[f32],
    bias: &'a [f32],
    group: usize,
    outputs: usize,
) -> (Vec<f32>, &'a [f32]) {
    let own = group * outputs..(group + 1) * outputs;
    let rows = kernel.chunks_exact(bias.len()).flat_map(|row| &row[own.clone()]);
    (rows.copied().collect(), &bias[own.clone()])
}

/// Copies a few values; the library's call would cost more than most of the copies.
fn copy(to: &mut [f32], from: &[f32]) {
    let ((to, to_rest), (from, from_rest)) = (to.as_chunks_mut::<8>(), from.as_chunks::<8>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = *from;
    }
}

/// Copies the channels of a group, including zeros around the map.
fn gather(all: Maps<'_>, group: usize, (own, layout): (&mut [f32], &Layout)) {
    let channels = layout.channels;
    for (all_map, own) in all.pictures().zip(own.chunks_exact_mut(layout.len())) {
        let pixels = all_map.chunks_exact(all.layout.pixel);
        for (from, to) in pixels.zip(own.chunks_exact_mut(channels)) {
            to.copy_from_slice(&from[group * channels..][..channels]);
        }
    }
}

/// Copies the dense channels of a group to their places in `all`.
fn scatter((own, layout): (&[f32], &Layout), group: usize, all: &mut MapsMut<'_>) {
    let (channels, to_layout) = (layout.channels, *all.layout);
    for (own, all_map) in own.chunks_exact(layout.len()).zip(all.pictures()) {
        for (index, from) in own.chunks_exact(channels).enumerate() {
            let (y, x) = (index / layout.width, index % layout.width);
            let at = to_layout.start(y) + x * to_layout.pixel + group * channels;
            copy(&mut all_map[at..][..channels], from);
        }
    }
}
