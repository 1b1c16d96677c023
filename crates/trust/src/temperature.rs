//! Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks").

use headstart_engine::head::{Task, sigmoid, softmax};
use serde::{Deserialize, Serialize};

use crate::newton::minimum;

/// The divisor of logits before they become probabilities: one number, or, for [`Task::MultiLabel`], one for each
/// class. It changes neither the most probable class of a single-label sample nor the order of samples by their
/// probability of a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Temperature(Vec<f32>);

/// Inverses of the lowest and the highest temperature.
const HIGHEST_INVERSE: f64 = 100.0;
const LOWEST_INVERSE: f64 = 0.01;

impl Temperature {
    /// The temperature 1, which leaves logits unchanged.
    pub fn one(task: Task, classes: usize) -> Self {
        let numbers = if task.is_single_label() { 1 } else { classes };
        Self(vec![1.0; numbers])
    }

    /// Creates a temperature from [`Temperature::values`]. `None` unless their number fits the task and all are
    /// positive.
    pub fn new(values: Vec<f32>, task: Task, classes: usize) -> Option<Self> {
        let needed = if task.is_single_label() { 1 } else { classes };
        let sound = values.iter().all(|t| t.is_finite() && *t > 0.0);
        (sound && values.len() == needed).then_some(Self(values))
    }

    /// Fits the temperature that minimises the negative log-likelihood of single-label samples, from their logits, n x
    /// units, and labels below `classes`. Two classes may have one logit, that of class 1. 1 without samples.
    ///
    /// A prior with less weight than one sample expects the logarithm of the temperature to be within about 1 of zero.
    /// Without it, a few samples that are all correct would make every answer certain.
    ///
    /// # Panics
    /// When there are not `units` logits for each label, or a label is not a class.
    pub fn fit(logits: &[f32], labels: &[usize], classes: usize) -> Self {
        if labels.is_empty() {
            return Self::one(Task::SingleLabel, classes);
        }
        let units = logits.len() / labels.len();
        assert_eq!(logits.len(), labels.len() * units, "logits for each label");
        assert!(labels.iter().all(|&label| label < classes), "labels are classes");
        Self(vec![inverse_of_minimum(loss_of_labels(logits, labels, classes))])
    }

    /// Fits a temperature for each class that minimises the mean negative log-likelihood of its presence, from logits n
    /// x classes, and whether each sample has each class. 1 for a class that all samples have, or none.
    ///
    /// # Panics
    /// When there is not an entry of `has` for each logit.
    pub fn fit_each(logits: &[f32], has: &[bool], classes: usize) -> Self {
        assert_eq!(logits.len(), has.len(), "whether each sample has each class");
        let of_class = |class: usize| {
            let samples = || {
                let logits = logits.iter().skip(class).step_by(classes).copied();
                logits.zip(has.iter().skip(class).step_by(classes).copied())
            };
            if samples().all(|(_, has)| has) || !samples().any(|(_, has)| has) {
                return 1.0;
            }
            inverse_of_minimum(loss_of_presence(samples))
        };
        Self((0..classes).map(of_class).collect())
    }

    /// The numbers.
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// Whether it leaves logits unchanged.
    pub fn is_one(&self) -> bool {
        self.0.iter().all(|t| *t == 1.0)
    }

    /// Divides logits, n x units, in place.
    pub fn apply(&self, logits: &mut [f32]) {
        if self.is_one() {
            return;
        }
        for row in logits.chunks_exact_mut(self.0.len()) {
            row.iter_mut().zip(&self.0).for_each(|(logit, temperature)| *logit /= temperature);
        }
    }
}

/// The first and second derivatives of the negative log-likelihood of labels, by the inverse of the temperature.
fn loss_of_labels(logits: &[f32], labels: &[usize], classes: usize) -> impl Fn(f64) -> (f64, f64) {
    let units = logits.len() / labels.len();
    move |inverse| {
        let (mut slope, mut curvature) = (0.0, 0.0);
        let mut row = vec![0.0; classes];
        for (logits, &label) in logits.chunks_exact(units).zip(labels) {
            // With a single logit, that of class 0 is 0.
            let logit = |class: usize| match (units, class) {
                (1, 0) => 0.0,
                (1, _) => f64::from(logits[0]),
                _ => f64::from(logits[class]),
            };
            (0..classes).for_each(|class| row[class] = logit(class) * inverse);
            softmax(&mut row);
            let mean: f64 = (0..classes).map(|class| row[class] * logit(class)).sum();
            let deviation = |class: usize| row[class] * (logit(class) - mean).powi(2);
            slope += mean - logit(label);
            curvature += (0..classes).map(deviation).sum::<f64>();
        }
        (slope, curvature)
    }
}

/// The first and second derivatives of the negative log-likelihood of a class's presence, by the inverse of its
/// temperature. `samples` gives the logit of each sample, and whether it has the class.
fn loss_of_presence<I: Iterator<Item = (f32, bool)>>(
    samples: impl Fn() -> I,
) -> impl Fn(f64) -> (f64, f64) {
    move |inverse| {
        samples().fold((0.0, 0.0), |(slope, curvature), (logit, has)| {
            let logit = f64::from(logit);
            let p = sigmoid(logit * inverse);
            let target = f64::from(u8::from(has));
            (slope + (p - target) * logit, curvature + p * (1.0 - p) * logit * logit)
        })
    }
}

/// Adds the derivatives of the prior, half the squared logarithm of the inverse, to those of a loss.
fn with_prior(loss: impl Fn(f64) -> (f64, f64)) -> impl Fn(f64) -> (f64, f64) {
    move |inverse| {
        let (slope, curvature) = loss(inverse);
        let log = inverse.ln();
        (slope + log / inverse, curvature + (1.0 - log) / (inverse * inverse))
    }
}

fn inverse_of_minimum(loss: impl Fn(f64) -> (f64, f64)) -> f32 {
    (1.0 / minimum(with_prior(loss), (LOWEST_INVERSE, HIGHEST_INVERSE), 1.0)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that the second of both is the derivative of the first, by differences.
    fn is_consistent(derivatives: impl Fn(f64) -> (f64, f64)) {
        for inverse in [0.3, 1.0, 2.5] {
            let step = 1e-5;
            let slope = |at| derivatives(at).0;
            let expected = (slope(inverse + step) - slope(inverse - step)) / (2.0 * step);
            let (_, curvature) = derivatives(inverse);
            assert!((curvature - expected).abs() < 1e-6 * expected.abs(), "{curvature} {expected}");
        }
    }

    #[test]
    fn curvatures_are_derivatives_of_slopes() {
        is_consistent(loss_of_labels(&[1.0, 2.0, -0.5, 0.3, 1.1, 0.2], &[0, 1], 3));
        is_consistent(loss_of_labels(&[1.2, -0.7, 0.4], &[1, 1, 0], 2));
        let samples = [(1.5, true), (-0.5, true), (0.8, false)];
        is_consistent(loss_of_presence(|| samples.into_iter()));
        is_consistent(with_prior(|inverse| (inverse * inverse, 2.0 * inverse)));
    }
}
