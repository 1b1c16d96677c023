use headstart_model::Elementwise;
use serde::{Deserialize, Serialize};

use super::Head;
use crate::train::{
    layers::{Dense, elementwise},
    optimizers::Variable,
};

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
}

/// Any dense layer of a head, hidden or the last.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) dense: Dense<'a>,
    pub(super) activation: Elementwise,
    pub(super) dropout: f32,
}

impl Head {
    /// The dense layers, the last included.
    pub(super) fn layers(&self) -> impl Iterator<Item = Layer<'_>> {
        let hidden = self.hidden.iter().map(|hidden| Layer {
            dense: Dense { kernel: &hidden.kernel, bias: &hidden.bias },
            activation: hidden.activation,
            dropout: hidden.dropout,
        });
        let last =
            Layer { dense: self.dense(), activation: Elementwise::Linear, dropout: self.dropout };
        hidden.chain([last])
    }

    /// n x units logits from n x dim features, in inference mode.
    pub(super) fn forward(&self, features: &[f32], logits: &mut [f32]) {
        let mut given: Option<Vec<f32>> = None;
        for hidden in &self.hidden {
            let x = given.as_deref().unwrap_or(features);
            let mut y = vec![0.0; x.len() / hidden.dim() * hidden.units()];
            Dense { kernel: &hidden.kernel, bias: &hidden.bias }.forward(x, &mut y);
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

    pub(crate) fn weights_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
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

    /// What an optimizer moves, in the order of [`Head::weights`]. Weight decay is for kernels.
    pub(crate) fn variables<'a>(
        &'a mut self,
        gradients: &'a [Vec<f32>],
    ) -> impl Iterator<Item = Variable<'a>> {
        let both = self.weights_mut().zip(gradients).enumerate();
        both.map(|(index, (values, gradient))| Variable {
            decays: index % 2 == 0,
            ..Variable::new(values, gradient)
        })
    }
}
