use headstart_kernels::Clamp;

use super::maps::{Before, Gradient, Maps, MapsMut, WeightGradients};
use crate::network::layout::runs;

/// `y = clamp(x * scale + bias + residual)` for each channel: a BatchNormalization in inference mode, a ReLU, a sum or
/// a padding that is not fused with a convolution.
pub(crate) struct Affine {
    pub(crate) scale: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) clamp: Clamp,
}

impl Affine {
    /// The residual has the output's layout.
    pub(crate) fn forward(&self, x: Maps<'_>, residual: Option<&[f32]>, mut y: MapsMut<'_>) {
        y.clear();
        let (layout, channels) = (y.layout, self.scale.len());
        for (index, (x_map, y_map)) in x.pictures().zip(y.pictures()).enumerate() {
            let residual = residual.map(|r| &r[index * layout.len()..][..layout.len()]);
            runs([x.layout, layout], |[from, to]| {
                let residual = residual.map(|r| &r[to.clone()]);
                let pixels = x_map[from].chunks_exact(channels);
                for (i, (x, y)) in pixels.zip(y_map[to].chunks_exact_mut(channels)).enumerate() {
                    for c in 0..channels {
                        let added = residual.map_or(0.0, |r| r[i * channels + c]);
                        let sum = x[c] * self.scale[c] + self.bias[c] + added;
                        y[c] = sum.max(self.clamp.min).min(self.clamp.max);
                    }
                }
            });
        }
    }

    /// Computes gradients from the gradient of the output, which is dense.
    pub(crate) fn backward(
        &self,
        x: Maps<'_>,
        d_y: Maps<'_>,
        d_weights: Option<WeightGradients<'_>>,
        d_x: Option<Gradient<'_>>,
    ) {
        let channels = self.scale.len();
        if let Some(WeightGradients { kernel: d_scale, bias: d_bias, add }) = d_weights {
            if !add {
                d_scale.fill(0.0);
                d_bias.fill(0.0);
            }
            for (x_map, d_map) in x.pictures().zip(d_y.pictures()) {
                runs([x.layout, d_y.layout], |[from, to]| {
                    let pixels = x_map[from].chunks_exact(channels);
                    for (x, d) in pixels.zip(d_map[to].chunks_exact(channels)) {
                        for c in 0..channels {
                            d_scale[c] += x[c] * d[c];
                            d_bias[c] += d[c];
                        }
                    }
                });
            }
        }
        if let Some(d_x) = d_x {
            d_x.write(|mut d_x| {
                d_x.clear();
                let layout = d_x.layout;
                for (d_y_map, d_x_map) in d_y.pictures().zip(d_x.pictures()) {
                    runs([d_y.layout, layout], |[from, to]| {
                        let pixels = d_y_map[from].chunks_exact(channels);
                        for (d, to) in pixels.zip(d_x_map[to].chunks_exact_mut(channels)) {
                            for c in 0..channels {
                                to[c] = d[c] * self.scale[c];
                            }
                        }
                    });
                }
            });
        }
    }
}

/// Computes the gradient of a residual from the gradient of the sum, which is dense.
pub(crate) fn residual_backward(d_y: Maps<'_>, d_residual: Gradient<'_>) {
    debug_assert!(!matches!(d_residual.before, Before::Is(_)), "a sum is no other's gradient");
    d_residual.write(|mut to| to.copy_from(d_y));
}
