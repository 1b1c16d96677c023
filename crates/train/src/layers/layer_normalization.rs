use headstart_kernels::{Isa, LayerNormGradient, layer_norm};

use super::maps::{Gradient, Maps, MapsMut, WeightGradients};

/// Normalises each position by the mean and variance of its channels.
pub(crate) struct LayerNormalization {
    pub(crate) scale: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) epsilon: f32,
}

impl LayerNormalization {
    /// The input is dense.
    pub(crate) fn forward(&self, isa: Isa, x: Maps<'_>, mut y: MapsMut<'_>) {
        let weights = (&self.scale[..], &self.bias[..]);
        if y.layout.is_dense() {
            return layer_norm(isa, x.values, weights, self.epsilon, y.values);
        }
        let mut own = vec![0.0; x.values.len()];
        layer_norm(isa, x.values, weights, self.epsilon, &mut own);
        y.copy_from(Maps { values: &own, layout: x.layout });
    }

    /// Computes gradients from the gradient of the output; both it and the input are dense.
    pub(crate) fn backward(
        &self,
        isa: Isa,
        x: Maps<'_>,
        d_y: Maps<'_>,
        d_weights: Option<WeightGradients<'_>>,
        d_x: Option<Gradient<'_>>,
    ) {
        let mut own = d_x.as_ref().map(|_| vec![0.0; x.values.len()]);
        let d_weights = d_weights.map(|WeightGradients { kernel: d_scale, bias: d_bias, add }| {
            if !add {
                d_scale.fill(0.0);
                d_bias.fill(0.0);
            }
            (d_scale, d_bias)
        });
        let (scale, epsilon) = (&self.scale[..], self.epsilon);
        let (d_out, d_own) = (d_y.values, own.as_deref_mut());
        LayerNormGradient { x: x.values, d_out, scale, epsilon, d_weights, d_x: d_own }.run(isa);
        if let (Some(d_x), Some(own)) = (d_x, own) {
            d_x.write(|mut d_x| d_x.copy_from(Maps { values: &own, layout: x.layout }));
        }
    }
}
