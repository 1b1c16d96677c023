//! Results of cross-validation.

use serde::{Deserialize, Serialize};

use super::Evaluation;

/// Results of cross-validation: heads that were each trained without one fold of the pictures, and evaluated on
/// it.
///
/// Means and standard deviations are over the folds, like those of scikit-learn's `cross_val_score`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossValidation {
    /// The results of each fold.
    pub folds: Vec<FoldRecord>,
    /// The share of pictures whose class was predicted.
    pub accuracy: Spread,
    /// Mean cross-entropy in nats.
    pub loss: Spread,
    /// The mean recall of the classes in a fold.
    pub macro_recall: Spread,
    /// The evaluation on all pictures, each predicted by the head that was trained without it.
    pub held_out: Evaluation,
}

/// The results of one fold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldRecord {
    /// The number of pictures trained on.
    pub train: usize,
    /// The number of pictures evaluated on.
    pub validation: usize,
    /// The share of these whose class was predicted.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// The mean recall of the classes in the fold.
    pub macro_recall: f64,
}

/// A metric over folds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the population, like NumPy's `std`.
    pub std: f64,
}

impl Spread {
    /// Mean and standard deviation of values, of which there must be at least one.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        Self { mean, std: variance.sqrt() }
    }
}
