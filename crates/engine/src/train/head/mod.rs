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
    Samples, Task, TrainError,
    layers::Dense,
    losses::{Loss, Targets, binary_crossentropy::sigmoid, categorical_crossentropy::softmax},
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

impl Head {
    /// An untrained head for samples of one class each: a Glorot-uniform kernel drawn from the seed, no
    /// bias.
    pub fn new(dim: usize, classes: usize, dropout: f32, seed: u64) -> Self {
        Self::for_task(Task::SingleLabel, dim, classes, dropout, seed)
    }

    /// [`Head::new`] for any task.
    pub fn for_task(task: Task, dim: usize, classes: usize, dropout: f32, seed: u64) -> Self {
        let units = task.loss(classes).units();
        Self {
            hidden: Vec::new(),
            kernel: Dense::glorot_uniform(dim, units, seed),
            bias: vec![0.0; units],
            classes,
            dropout,
            task,
        }
    }

    /// The number of logits: 1 for two classes of which one is right.
    pub fn units(&self) -> usize {
        self.bias.len()
    }

    /// The number of features it takes.
    pub fn dim(&self) -> usize {
        self.hidden.first().map_or(self.kernel.len() / self.units(), Hidden::dim)
    }

    /// The loss that it is trained with.
    pub fn loss(&self) -> Loss {
        self.task.loss(self.classes)
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

    /// n x classes, from features n x dim. Each row adds up to 1, unless the task is
    /// [`Task::MultiLabel`].
    pub fn probabilities(&self, features: &[f32]) -> Vec<f32> {
        let logits = self.logits(features);
        match self.task {
            Task::SingleLabel => probabilities(&logits, self.classes),
            Task::MultiLabel => logits.iter().map(|&z| sigmoid(z.into()) as f32).collect(),
        }
    }

    /// The likeliest class of each sample, from features n x dim.
    pub fn predict(&self, features: &[f32]) -> Vec<usize> {
        predict(&self.logits(features), self.units())
    }

    /// The mean loss (samples' weights counted, as in training) and the accuracy; that of
    /// [`Task::MultiLabel`] is the share of all pairs of sample and class that are right at a
    /// probability of 0.5 (Keras's `binary_accuracy`).
    pub fn evaluate(&self, samples: &Samples) -> Result<(f64, f64), TrainError> {
        samples.check()?;
        self.check_fits(samples)?;
        Ok(self.evaluate_weighted(samples, samples.weights))
    }

    fn evaluate_weighted(&self, samples: &Samples, weights: Option<&[f32]>) -> (f64, f64) {
        let logits = self.logits(samples.features);
        let loss = self.loss().forward(&logits, samples.targets(), weights);
        let right = right_decisions(&logits, samples.own_targets(), self.units());
        let decisions = samples.len() * self.task.decisions(self.classes);
        (loss, right as f64 / decisions as f64)
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
        if samples.task() != self.task {
            return Err(TrainError::OtherTask { head: self.task, samples: samples.task() });
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
fn predict(logits: &[f32], units: usize) -> Vec<usize> {
    match units {
        1 => logits.iter().map(|&z| usize::from(z > 0.0)).collect(),
        _ => logits.chunks_exact(units).map(metrics::argmax).collect(),
    }
}

/// How many decisions are right that n x units logits make: which class it is, or, where there are sets
/// of them, of each class whether it is there, at a probability of 0.5.
pub(crate) fn right_decisions(logits: &[f32], own: Targets, units: usize) -> usize {
    match own {
        Targets::Labels(labels) => {
            let predicted = predict(logits, units);
            labels.iter().zip(&predicted).filter(|(label, predicted)| label == predicted).count()
        }
        Targets::Sets { labels, sets } => {
            let right = |(z, &label): (&[f32], &usize)| {
                let said = z.iter().filter(|&&z| z > 0.0).count();
                let hit = sets[label].iter().filter(|&&class| z[class] > 0.0).count();
                // Wrong are those said and not there, and those there and not said.
                units - (said - hit) - (sets[label].len() - hit)
            };
            logits.chunks_exact(units).zip(labels).map(right).sum()
        }
        Targets::Soft(_) => unreachable!("a sample's own labels are not soft"),
    }
}
