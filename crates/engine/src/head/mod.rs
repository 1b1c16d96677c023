//! The head in inference: what a classifier makes of features.
//!
//! How it is trained is another crate's business.

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

/// Rows that one task works on: each is computed for itself.
const ROWS_PER_TASK: usize = 256;

/// A classifier over features: dropout while training, then a dense layer. Two classes of which one is
/// right take one logit, that of class 1; all others take one each, which a softmax makes the
/// probabilities of more classes of which one is right, and a sigmoid each those of
/// [`Task::MultiLabel`]. An imported one may have dense layers before that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The dense layers before the last, the one that reads the features first. Heads that are
    /// trained here from the start have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Hidden>,
    /// Inputs (the features, or what the last hidden layer gives) x units, row-major.
    pub kernel: Vec<f32>,
    /// units.
    pub bias: Vec<f32>,
    /// The number of classes.
    pub classes: usize,
    /// The dropout rate of the last layer's inputs while training; prediction has none.
    pub dropout: f32,
    /// What it says of a sample.
    #[serde(default, skip_serializing_if = "Task::is_single_label")]
    pub task: Task,
}

/// A dense layer of a head before its last one: dropout while training, `x kernel + bias`, and a
/// function of each of its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hidden {
    /// Inputs x units, row-major.
    pub kernel: Vec<f32>,
    /// units.
    pub bias: Vec<f32>,
    /// What follows.
    pub activation: Elementwise,
    /// The dropout rate of its inputs while training; prediction has none.
    pub dropout: f32,
}

impl Hidden {
    /// The number of values that it takes.
    pub fn dim(&self) -> usize {
        self.kernel.len() / self.bias.len()
    }

    /// The number of values that it gives.
    pub fn units(&self) -> usize {
        self.bias.len()
    }

    /// Without its activation.
    pub fn dense(&self) -> Dense<'_> {
        Dense { kernel: &self.kernel, bias: &self.bias }
    }
}

impl Head {
    /// The number of logits: 1 for two classes of which one is right.
    pub fn units(&self) -> usize {
        self.bias.len()
    }

    /// The number of features it takes.
    pub fn dim(&self) -> usize {
        self.hidden.first().map_or(self.kernel.len() / self.units(), Hidden::dim)
    }

    /// Its last dense layer.
    pub fn dense(&self) -> Dense<'_> {
        Dense { kernel: &self.kernel, bias: &self.bias }
    }

    /// n x units, from features n x dim.
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

    /// n x classes, from features n x dim. Each row adds up to 1, unless the task is
    /// [`Task::MultiLabel`].
    pub fn probabilities(&self, features: &[f32]) -> Vec<f32> {
        probabilities(&self.logits(features), self.task, self.classes)
    }

    /// The likeliest class of each sample, from features n x dim.
    pub fn predict(&self, features: &[f32]) -> Vec<usize> {
        predict(&self.logits(features), self.units())
    }

    /// n x units logits from n x dim features, in inference mode.
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

    /// Everything that trains, the hidden layers first: a kernel, a bias, a kernel, …
    pub fn weights(&self) -> impl Iterator<Item = &Vec<f32>> {
        let hidden = self.hidden.iter().flat_map(|hidden| [&hidden.kernel, &hidden.bias]);
        hidden.chain([&self.kernel, &self.bias])
    }

    /// [`Head::weights`], to be changed in place.
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
