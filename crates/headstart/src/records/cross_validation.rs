//! How heads did in cross-validation.

use serde::{Deserialize, Serialize};

use super::Evaluation;

/// How heads did that were each trained without one fold of the pictures, and measured on it.
///
/// Means and spreads are over the folds, as those of scikit-learn's `cross_val_score`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CrossValidation {
    /// Every fold.
    pub folds: Vec<FoldRecord>,
    /// Share of the pictures whose class was predicted.
    pub accuracy: Spread,
    /// Mean cross-entropy in nats.
    pub loss: Spread,
    /// Recall, the mean over the classes that a fold has.
    pub macro_recall: Spread,
    /// Figures over all pictures, each by the head that had not seen it.
    pub held_out: Evaluation,
}

/// A fold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldRecord {
    /// Pictures learned from.
    pub train: usize,
    /// Pictures measured on.
    pub validation: usize,
    /// Share of these whose class was predicted.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Recall, the mean over the classes that the fold has.
    pub macro_recall: f64,
}

/// A figure over folds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, of the population as NumPy's `std`.
    pub std: f64,
}

impl Spread {
    /// Of some values, of which there must be one.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        Self { mean, std: variance.sqrt() }
    }
}
