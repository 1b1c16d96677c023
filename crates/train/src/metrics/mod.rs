//! Quality of predictions, overall and by class.

mod ranking;

use serde::{Deserialize, Serialize};

pub use ranking::{average_precision, best_threshold};

/// The fraction of correct predictions; NaN without samples.
pub fn accuracy(labels: &[usize], predicted: &[usize]) -> f64 {
    let right = labels.iter().zip(predicted).filter(|(a, b)| a == b).count();
    right as f64 / labels.len() as f64
}

/// The surprise of an outcome predicted with this probability, in nats: its cross-entropy, limited by the smallest
/// probability that f32 distinguishes from 0.
pub fn surprise(probability: f32) -> f64 {
    -f64::from(probability.max(f32::MIN_POSITIVE)).ln()
}

/// The number of samples for each pair of true and predicted class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    /// classes x classes: the first index is the true class, the second the predicted one.
    pub counts: Vec<Vec<usize>>,
}

/// The metrics of one class. A ratio whose denominator is 0 is 0 (as in scikit-learn).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// The fraction of correct predictions among the samples predicted to be of this class.
    pub precision: f64,
    /// The fraction of correct predictions among the samples of this class.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// The number of samples of this class.
    pub support: usize,
}

impl ClassFigures {
    /// Computes the metrics of a class from the numbers of samples predicted to be of it, of those predicted correctly,
    /// and of those that are of it.
    pub fn new(predicted: usize, right: usize, support: usize) -> Self {
        let ratio = |part: usize, of: usize| match of {
            0 => 0.0,
            _ => part as f64 / of as f64,
        };
        Self {
            precision: ratio(right, predicted),
            recall: ratio(right, support),
            f1: ratio(2 * right, support + predicted),
            support,
        }
    }
}

impl ConfusionMatrix {
    /// Counts each pair of label and prediction, both below `classes`.
    ///
    /// # Panics
    /// When one is out of range.
    pub fn new(labels: &[usize], predicted: &[usize], classes: usize) -> Self {
        let mut counts = vec![vec![0; classes]; classes];
        for (&label, &predicted) in labels.iter().zip(predicted) {
            counts[label][predicted] += 1;
        }
        Self { counts }
    }

    /// The fraction of samples on the diagonal; NaN without samples.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.counts.len()).map(|k| self.counts[k][k]).sum();
        let all: usize = self.counts.iter().flatten().sum();
        right as f64 / all as f64
    }

    /// The metrics of each class.
    pub fn per_class(&self) -> Vec<ClassFigures> {
        let figures = |class: usize| {
            let right = self.counts[class][class];
            let support: usize = self.counts[class].iter().sum();
            let predicted: usize = self.counts.iter().map(|row| row[class]).sum();
            ClassFigures::new(predicted, right, support)
        };
        (0..self.counts.len()).map(figures).collect()
    }
}
