//! How well a classifier does on labelled pictures.

use headstart_engine::train::metrics::{ClassFigures, ConfusionMatrix};
use serde::{Deserialize, Serialize};

/// Figures over labelled pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Names of the classes, in the model's order.
    pub classes: Vec<String>,
    /// How many pictures.
    pub pictures: usize,
    /// Share of the pictures whose class was predicted.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Precision, recall, F1 and support of each class.
    pub per_class: Vec<ClassFigures>,
    /// How often each class (first index) was taken for each.
    pub confusion: Vec<Vec<usize>>,
}

impl Evaluation {
    /// From each picture's class and its probabilities `[pictures][classes]`.
    pub(crate) fn new(classes: &[String], labels: &[usize], probabilities: &[f32]) -> Self {
        let rows = probabilities.chunks_exact(classes.len());
        let predicted: Vec<usize> =
            rows.clone().map(headstart_engine::train::metrics::argmax).collect();
        let losses = rows.zip(labels).map(|(row, &label)| {
            // The least that f32 tells from 0.
            -f64::from(row[label].max(f32::MIN_POSITIVE)).ln()
        });
        let matrix = ConfusionMatrix::new(labels, &predicted, classes.len());
        Self {
            classes: classes.to_vec(),
            pictures: labels.len(),
            accuracy: matrix.accuracy(),
            loss: losses.sum::<f64>() / labels.len() as f64,
            per_class: matrix.per_class(),
            confusion: matrix.counts,
        }
    }

    /// The mean recall of the classes that have pictures: scikit-learn's `balanced_accuracy_score`.
    pub fn macro_recall(&self) -> f64 {
        let measured = self.per_class.iter().filter(|figures| figures.support > 0);
        let (sum, n) = measured.fold((0.0, 0), |(sum, n), figures| (sum + figures.recall, n + 1));
        sum / f64::from(n)
    }

    /// How many pictures were predicted to be of their class.
    pub fn correct(&self) -> usize {
        (0..self.confusion.len()).map(|class| self.confusion[class][class]).sum()
    }
}
