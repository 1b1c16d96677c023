//! The head in inference: the classifier of features.
//!
//! Another crate trains it.

mod dense;
pub mod elementwise;
mod scores;
mod task;

use headstart_model::Elementwise;
use serde::{Deserialize, Serialize};

use crate::rows::for_each_chunk;
pub use dense::Dense;
pub use scores::{argmax, predict, probabilities, sigmoid, softmax};
pub use task::Task;

/// Rows per task; rows are independent.
const ROWS_PER_TASK: usize = 256;

/// A classifier of features: optional hidden layers (imported heads only), then dropout in training and a dense layer.
/// Two exclusive classes share one logit, that of class 1. Otherwise each class has a logit, from which a softmax
/// computes the probabilities of exclusive classes, and a sigmoid those of [`Task::MultiLabel`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The dense layers before the last, in order from the features. Heads trained here from scratch have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Hidden>,
    /// Inputs (the features, or the outputs of the last hidden layer) x units, row-major.
    pub kernel: Vec<f32>,
    /// units.
    pub bias: Vec<f32>,
    /// The number of classes.
    pub classes: usize,
    /// The dropout rate of the last layer's inputs while training; prediction has none.
    pub dropout: f32,
    /// The kind of decision.
    #[serde(default, skip_serializing_if = "Task::is_single_label")]
    pub task: Task,
}

/// A dense layer before the last: dropout in training, `x kernel + bias`, and an elementwise activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hidden {
    /// Inputs x units, row-major.
    pub kernel: Vec<f32>,
    /// units.
    pub bias: Vec<f32>,
    /// The activation after it.
    pub activation: Elementwise,
    /// The dropout rate of its inputs while training; prediction has none.
    pub dropout: f32,
}

impl Hidden {
    /// Number of inputs.
    pub fn dim(&self) -> usize {
        self.kernel.len() / self.bias.len()
    }

    /// Number of outputs.
    pub fn units(&self) -> usize {
        self.bias.len()
    }

    /// The layer without its activation.
    pub fn dense(&self) -> Dense<'_> {
        Dense { kernel: &self.kernel, bias: &self.bias }
    }
}

impl Head {
    /// The number of logits: 1 for two exclusive classes.
    pub fn units(&self) -> usize {
        self.bias.len()
    }

    /// Number of input features.
    pub fn dim(&self) -> usize {
        self.hidden.first().map_or(self.kernel.len() / self.units(), Hidden::dim)
    }

    /// Its last dense layer.
    pub fn dense(&self) -> Dense<'_> {
        Dense { kernel: &self.kernel, bias: &self.bias }
    }

    /// Computes n x units logits from n x dim features.
    pub fn logits(&self, features: &[f32]) -> Vec<f32> {
        let (dim, units) = (self.dim(), self.units());
        let mut logits = vec![0.0; features.len() / dim * units];
        for_each_chunk(
            (features, ROWS_PER_TASK * dim),
            (&mut logits, ROWS_PER_TASK * units),
            |features, logits| self.forward(features, logits),
        );
        logits
    }

    /// Computes n x classes probabilities from n x dim features. Each row sums to 1, unless the task is
    /// [`Task::MultiLabel`].
    pub fn probabilities(&self, features: &[f32]) -> Vec<f32> {
        probabilities(&self.logits(features), self.task, self.classes)
    }

    /// Returns the most probable class of each sample, from n x dim features.
    pub fn predict(&self, features: &[f32]) -> Vec<usize> {
        predict(&self.logits(features), self.units())
    }

    /// Computes n x units logits from n x dim features, in inference mode.
    fn forward(&self, features: &[f32], logits: &mut [f32]) {
        let mut given: Option<Vec<f32>> = None;
        for hidden in &self.hidden {
            let x = given.as_deref().unwrap_or(features);
            let mut y = vec![0.0; x.len() / hidden.dim() * hidden.units()];
            hidden.dense().forward(x, &mut y);
            elementwise::forward(hidden.activation, &mut y);
            given = Some(y);
        }
        self.dense().forward(given.as_deref().unwrap_or(features), logits);
    }

    /// Computes the gradient of one logit with respect to the features of one sample; at a kink of an activation, from
    /// the left. Without hidden layers it is the logit's column of the kernel for any features.
    ///
    /// # Panics
    /// When the number of features is not [`Head::dim`], or there is no such unit.
    pub fn gradient(&self, features: &[f32], unit: usize) -> Vec<f32> {
        assert_eq!(features.len(), self.dim(), "the features of one sample");
        assert!(unit < self.units(), "there is no unit {unit}");
        // The inputs of each hidden layer's activation.
        let mut given = Vec::with_capacity(self.hidden.len());
        let mut x = features.to_vec();
        for hidden in &self.hidden {
            let mut y = vec![0.0; hidden.units()];
            hidden.dense().forward(&x, &mut y);
            given.push(y.clone());
            elementwise::forward(hidden.activation, &mut y);
            x = y;
        }
        let mut d: Vec<f32> = self.kernel.chunks_exact(self.units()).map(|row| row[unit]).collect();
        for (hidden, given) in self.hidden.iter().zip(&given).rev() {
            elementwise::backward(hidden.activation, given, &mut d);
            let row = |row: &[f32]| row.iter().zip(&d).map(|(w, d)| w * d).sum();
            d = hidden.kernel.chunks_exact(hidden.units()).map(row).collect();
        }
        d
    }

    /// All trained weights, hidden layers first: a kernel, a bias, a kernel, …
    pub fn weights(&self) -> impl Iterator<Item = &Vec<f32>> {
        let hidden = self.hidden.iter().flat_map(|hidden| [&hidden.kernel, &hidden.bias]);
        hidden.chain([&self.kernel, &self.bias])
    }

    /// [`Head::weights`], mutable.
    pub fn weights_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        let hidden =
            self.hidden.iter_mut().flat_map(|hidden| [&mut hidden.kernel, &mut hidden.bias]);
        hidden.chain([&mut self.kernel, &mut self.bias])
    }

    /// The names of [`Head::weights`] in files.
    pub fn weight_names(&self) -> impl Iterator<Item = String> {
        let hidden = (0..self.hidden.len())
            .flat_map(|i| ["kernel", "bias"].map(|weight| format!("head/hidden_{i}/{weight}")));
        hidden.chain(["kernel", "bias"].map(|weight| format!("head/{weight}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_of_a_logit_is_that_of_finite_differences_through_any_activation() {
        let numbers = |n: usize, by: f32| (0..n).map(move |i| ((i as f32 + 1.0) * by).sin());
        let relu6 = Elementwise::by_name("relu6").unwrap();
        for activation in [
            Elementwise::Linear,
            Elementwise::RELU,
            relu6,
            Elementwise::Relu { negative_slope: 0.3, max_value: None },
            Elementwise::Elu { alpha: 1.5 },
            Elementwise::Selu,
            Elementwise::Silu,
            Elementwise::Sigmoid,
            Elementwise::Tanh,
            Elementwise::Softplus,
            Elementwise::Softsign,
        ] {
            let hidden = |dim, units, by| Hidden {
                kernel: numbers(dim * units, by).collect(),
                bias: numbers(units, by * 0.7).collect(),
                activation,
                dropout: 0.0,
            };
            let head = Head {
                hidden: vec![hidden(6, 5, 1.3), hidden(5, 4, 2.1)],
                kernel: numbers(4 * 3, 0.9).collect(),
                bias: vec![0.1, -0.2, 0.3],
                classes: 3,
                dropout: 0.0,
                task: Task::SingleLabel,
            };
            let features: Vec<f32> = numbers(6, 3.7).collect();
            for unit in 0..3 {
                let gradient = head.gradient(&features, unit);
                for (at, &slope) in gradient.iter().enumerate() {
                    let step = 1e-2;
                    let logit = |by: f32| {
                        let mut moved = features.clone();
                        moved[at] += by;
                        head.logits(&moved)[unit]
                    };
                    let expected = (logit(step) - logit(-step)) / (2.0 * step);
                    let off = (slope - expected).abs();
                    assert!(off < 2e-3, "{activation:?}, {unit}, {at}: {slope} not {expected}");
                }
            }
        }
    }
}
