use std::mem::swap;

use headstart_engine::head::elementwise;

use super::layers::layers;
use crate::Head;
use crate::layers::{Dropout, dense};

/// A forward and backward pass of samples through a head in training. The memory is reused.
#[derive(Default)]
pub(crate) struct Pass {
    /// One for each dense layer, including the last.
    kept: Vec<Kept>,
    /// n x units.
    pub(crate) logits: Vec<f32>,
    /// Gradients of all trained weights, in the order of [`Head::weights`].
    pub(crate) gradients: Vec<Vec<f32>>,
    /// Data between layers: values in the forward pass, their gradients in the backward pass.
    between: Vec<f32>,
}

/// The data that the backward pass of a layer needs.
#[derive(Default)]
struct Kept {
    /// Its inputs, after dropout.
    x: Vec<f32>,
    /// That dropout's mask; empty if there is none.
    mask: Vec<f32>,
    /// Its outputs before the activation; for the last layer, the logits.
    z: Vec<f32>,
}

/// Applies dropout to rows of the given length: from, mask, to.
pub(crate) type Drop<'a> = &'a mut dyn FnMut(Dropout, usize, &[f32], &mut [f32], &mut [f32]);

impl Pass {
    /// Computes the logits of n x dim features.
    pub(crate) fn forward(&mut self, head: &Head, features: &[f32], drop: Drop) {
        let n = features.len() / head.dim();
        self.kept.resize_with(head.hidden.len() + 1, Kept::default);
        self.between.clear();
        self.between.extend_from_slice(features);
        for (index, (layer, kept)) in layers(head).zip(&mut self.kept).enumerate() {
            let dim = self.between.len() / n.max(1);
            kept.mask.clear();
            if layer.dropout > 0.0 {
                kept.mask.resize(self.between.len(), 0.0);
                kept.x.resize(self.between.len(), 0.0);
                let dropout = Dropout { rate: layer.dropout };
                drop(dropout, dim, &self.between, &mut kept.mask, &mut kept.x);
            } else {
                swap(&mut kept.x, &mut self.between);
            }
            let z = if index == head.hidden.len() { &mut self.logits } else { &mut kept.z };
            z.resize(n * layer.dense.bias.len(), 0.0);
            layer.dense.forward(&kept.x, z);
            if index < head.hidden.len() {
                self.between.clear();
                self.between.extend_from_slice(z);
                elementwise::forward(layer.activation, &mut self.between);
            }
        }
    }

    /// Propagates the gradient of the logits of the last [`Pass::forward`] to the gradients of all weights and, if
    /// requested, of the features.
    pub(crate) fn backward(
        &mut self,
        head: &Head,
        d_logits: &[f32],
        mut d_features: Option<&mut [f32]>,
    ) {
        self.gradients.resize_with(head.weights().count(), Vec::new);
        for (gradient, weight) in self.gradients.iter_mut().zip(head.weights()) {
            gradient.resize(weight.len(), 0.0);
        }
        let layers: Vec<_> = layers(head).collect();
        let mut d_y = d_logits.to_vec();
        for (index, (layer, kept)) in layers.iter().zip(&self.kept).enumerate().rev() {
            if index < head.hidden.len() {
                elementwise::backward(layer.activation, &kept.z, &mut d_y);
            }
            let [d_kernel, d_bias] = &mut self.gradients[2 * index..][..2] else { unreachable!() };
            let wanted = index > 0 || d_features.is_some();
            let d_x = &mut self.between;
            d_x.resize(if wanted { kept.x.len() } else { 0 }, 0.0);
            let d_x_if_wanted = wanted.then_some(&mut d_x[..]);
            dense::backward(layer.dense, &kept.x, &d_y, (d_kernel, d_bias), d_x_if_wanted);
            if wanted && !kept.mask.is_empty() {
                d_x.iter_mut().zip(&kept.mask).for_each(|(d, mask)| *d *= mask);
            }
            swap(&mut d_y, d_x);
        }
        if let Some(d_features) = d_features.take() {
            d_features.copy_from_slice(&d_y);
        }
    }
}

#[cfg(test)]
mod tests {
    use headstart_model::Elementwise;

    use super::*;
    use crate::head::untrained;
    use crate::{Hidden, Task};

    fn uniform(count: usize, seed: u64) -> Vec<f32> {
        dense::glorot_uniform(count, 1, seed)
            .iter()
            .map(|x| x * (count as f32 / 6.0).sqrt())
            .collect()
    }

    fn head(activation: Elementwise, dropout: f32) -> Head {
        let layer = |dim: usize, units: usize, seed| Hidden {
            kernel: uniform(dim * units, seed),
            bias: uniform(units, seed + 1),
            activation,
            dropout,
        };
        Head {
            hidden: vec![layer(5, 7, 10), layer(7, 4, 20)],
            kernel: uniform(4 * 3, 30),
            bias: uniform(3, 31),
            dropout,
            ..untrained(Task::SingleLabel, 4, 3, 0.0, 0)
        }
    }

    /// A linear function of the logits, with gradient `d`.
    fn value(head: &Head, x: &[f32], d: &[f32], drop: Drop) -> f64 {
        let mut pass = Pass::default();
        pass.forward(head, x, drop);
        pass.logits.iter().zip(d).map(|(z, d)| f64::from(z * d)).sum()
    }

    #[test]
    fn gradients_through_hidden_layers_are_finite_differences_for_every_activation() {
        let relu = |negative_slope, max_value| Elementwise::Relu { negative_slope, max_value };
        for (activation, rate) in [
            (Elementwise::Linear, 0.0),
            (Elementwise::Linear, 0.5),
            (Elementwise::RELU, 0.0),
            (relu(0.25, Some(0.5)), 0.5),
            (Elementwise::Elu { alpha: 0.7 }, 0.0),
            (Elementwise::Selu, 0.0),
            (Elementwise::Silu, 0.25),
            (Elementwise::Sigmoid, 0.0),
            (Elementwise::Tanh, 0.0),
            (Elementwise::Softplus, 0.0),
            (Elementwise::Softsign, 0.0),
        ] {
            let (n, mut head, mut x) = (6, head(activation, rate), uniform(6 * 5, 1));
            let d = uniform(n * 3, 2);
            // Every third value is dropped.
            let mut drop =
                |dropout: Dropout, _: usize, from: &[f32], mask: &mut [f32], to: &mut [f32]| {
                    for (index, mask) in mask.iter_mut().enumerate() {
                        *mask = if index % 3 == 0 { 0.0 } else { 1.0 / (1.0 - dropout.rate) };
                        to[index] = from[index] * *mask;
                    }
                };
            let mut pass = Pass::default();
            let mut d_x = vec![f32::NAN; x.len()];
            pass.forward(&head, &x, &mut drop);
            pass.backward(&head, &d, Some(&mut d_x));

            let h = 1.0 / 512.0;
            let mut worst = 0.0_f64;
            for index in 0..x.len() {
                let here = x[index];
                let mut at = |step: f32| {
                    x[index] = here + step;
                    value(&head, &x, &d, &mut drop)
                };
                let slope = (at(h) - at(-h)) / (2.0 * f64::from(h));
                x[index] = here;
                worst = worst.max((f64::from(d_x[index]) - slope).abs());
            }
            for weight in 0..pass.gradients.len() {
                for index in 0..pass.gradients[weight].len() {
                    let here = head.weights().nth(weight).unwrap()[index];
                    let mut at = |step: f32| {
                        head.weights_mut().nth(weight).unwrap()[index] = here + step;
                        value(&head, &x, &d, &mut drop)
                    };
                    let slope = (at(h) - at(-h)) / (2.0 * f64::from(h));
                    head.weights_mut().nth(weight).unwrap()[index] = here;
                    worst = worst.max((f64::from(pass.gradients[weight][index]) - slope).abs());
                }
            }
            assert!(worst < 2e-3, "{activation:?} with dropout {rate}: {worst}");

            // Prediction equals training without dropout.
            let mut all = |_: Dropout, _: usize, from: &[f32], _: &mut [f32], to: &mut [f32]| {
                to.copy_from_slice(from);
            };
            pass.forward(&head, &x, &mut all);
            assert_eq!(pass.logits, head.logits(&x), "{activation:?}");
            // Reused memory has no effect.
            pass.backward(&head, &d, None);
        }
    }
}
