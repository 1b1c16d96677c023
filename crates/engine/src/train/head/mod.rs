//! The head: dropout, then one dense layer over the features of the base.

mod adam;
mod batch;
mod hidden;
mod history;
mod logistic;
mod pass;
mod steps;
mod views;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Samples, TrainError,
    layers::Dense,
    losses::{Loss, binary_crossentropy::sigmoid, categorical_crossentropy::softmax},
    metrics,
};

pub use adam::{AdamConfig, fit_adam, fit_adam_from};
pub use hidden::Hidden;
pub use history::{Epoch, Event, History};
pub use logistic::{LogisticConfig, LogisticFit, Strength, Trial, fit_logistic, out_of_fold};
pub(crate) use pass::Pass;
pub use steps::HeadSteps;
pub use views::Views;

/// Rows that one task works on. It decides how sums are cut, so it must not depend on threads.
const ROWS_PER_TASK: usize = 256;

/// A classifier over features: dropout while training, then a dense layer. Two classes take one
/// logit, that of class 1; more take one each. An imported one may have dense layers before that.
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
}

impl Head {
    /// An untrained head: a Glorot-uniform kernel drawn from the seed, no bias.
    pub fn new(dim: usize, classes: usize, dropout: f32, seed: u64) -> Self {
        let units = Loss::of(classes).units();
        Self {
            hidden: Vec::new(),
            kernel: Dense::glorot_uniform(dim, units, seed),
            bias: vec![0.0; units],
            classes,
            dropout,
        }
    }

    /// The number of logits: 1 for two classes.
    pub fn units(&self) -> usize {
        self.bias.len()
    }

    /// The number of features it takes.
    pub fn dim(&self) -> usize {
        self.hidden.first().map_or(self.kernel.len() / self.units(), Hidden::dim)
    }

    /// The loss that it is trained with.
    pub fn loss(&self) -> Loss {
        Loss::of(self.classes)
    }

    /// Its last dense layer.
    pub fn dense(&self) -> Dense<'_> {
        Dense { kernel: &self.kernel, bias: &self.bias }
    }

    /// n x units, from features n x dim.
    pub fn logits(&self, features: &[f32]) -> Vec<f32> {
        let (dim, units) = (self.dim(), self.units());
        let mut logits = vec![0.0; features.len() / dim * units];
        features
            .par_chunks(ROWS_PER_TASK * dim)
            .zip(logits.par_chunks_mut(ROWS_PER_TASK * units))
            .for_each(|(x, y)| self.forward(x, y));
        logits
    }

    /// n x classes, each row adding up to 1, from features n x dim.
    pub fn probabilities(&self, features: &[f32]) -> Vec<f32> {
        probabilities(&self.logits(features), self.classes)
    }

    /// The likeliest class of each sample, from features n x dim.
    pub fn predict(&self, features: &[f32]) -> Vec<usize> {
        predict(&self.logits(features), self.classes)
    }

    /// The mean loss (samples' weights counted, as in training) and the accuracy.
    pub fn evaluate(&self, samples: &Samples) -> Result<(f64, f64), TrainError> {
        samples.check()?;
        self.check_fits(samples)?;
        Ok(self.evaluate_weighted(samples, samples.weights))
    }

    fn evaluate_weighted(&self, samples: &Samples, weights: Option<&[f32]>) -> (f64, f64) {
        let logits = self.logits(samples.features);
        (
            self.loss().forward(&logits, samples.targets(), weights),
            metrics::accuracy(samples.labels, &predict(&logits, self.classes)),
        )
    }

    fn check_fits(&self, samples: &Samples) -> Result<(), TrainError> {
        for (what, found, expected) in [
            ("features of a sample", samples.dim, self.dim()),
            ("classes", samples.classes, self.classes),
        ] {
            if found != expected {
                return Err(TrainError::Length { what, found, expected });
            }
        }
        Ok(())
    }
}

/// n x classes probabilities from n x units logits.
fn probabilities(logits: &[f32], classes: usize) -> Vec<f32> {
    if classes == 2 {
        let pair = |&z: &f32| [sigmoid(-f64::from(z)) as f32, sigmoid(z.into()) as f32];
        return logits.iter().flat_map(pair).collect();
    }
    let mut result = Vec::with_capacity(logits.len());
    for row in logits.chunks_exact(classes) {
        let mut p: Vec<f64> = row.iter().map(|&z| z.into()).collect();
        softmax(&mut p);
        result.extend(p.iter().map(|&p| p as f32));
    }
    result
}

/// The likeliest class of each row of n x units logits.
pub(crate) fn predict(logits: &[f32], classes: usize) -> Vec<usize> {
    match classes {
        2 => logits.iter().map(|&z| usize::from(z > 0.0)).collect(),
        _ => logits.chunks_exact(classes).map(metrics::argmax).collect(),
    }
}
