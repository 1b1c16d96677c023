//! Losses, from logits: the mean over the rows of weight x loss, divided by the number of rows and
//! not by the sum of the weights (Keras's `sum_over_batch_size`).

pub mod binary_crossentropy;
pub mod categorical_crossentropy;
mod targets;

use headstart_engine::head::Task;

pub use targets::Targets;

/// The loss that fits a number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Two classes that exclude each other, with one logit; or classes that do not, with one each.
    BinaryCrossentropy {
        /// The number of logits.
        units: usize,
    },
    /// A logit for each class, of which there is one.
    CategoricalCrossentropy {
        /// The number of classes.
        classes: usize,
    },
}

impl Loss {
    /// The loss for so many classes that exclude each other.
    pub fn of(classes: usize) -> Self {
        match classes {
            2 => Self::BinaryCrossentropy { units: 1 },
            _ => Self::CategoricalCrossentropy { classes },
        }
    }

    /// The loss that heads for this task and so many classes are trained with.
    pub fn of_task(task: Task, classes: usize) -> Self {
        match task {
            Task::SingleLabel => Self::of(classes),
            Task::MultiLabel => Self::BinaryCrossentropy { units: classes },
        }
    }

    /// The number of logits of a sample.
    pub fn units(self) -> usize {
        match self {
            Self::BinaryCrossentropy { units } => units,
            Self::CategoricalCrossentropy { classes } => classes,
        }
    }

    /// The mean loss of logits, n x units, where each row counts its weight, or 1. With binary
    /// cross-entropy there may also be a weight for each logit, n x units.
    pub fn forward(self, logits: &[f32], targets: Targets, weights: Option<&[f32]>) -> f64 {
        match self {
            Self::BinaryCrossentropy { units } => {
                binary_crossentropy::forward(logits, units, targets, weights)
            }
            Self::CategoricalCrossentropy { classes } => {
                categorical_crossentropy::forward(logits, classes, targets, weights)
            }
        }
    }

    /// The gradient of [`forward`](Self::forward) with respect to the logits.
    pub fn backward(
        self,
        logits: &[f32],
        targets: Targets,
        weights: Option<&[f32]>,
        d_logits: &mut [f32],
    ) {
        match self {
            Self::BinaryCrossentropy { units } => {
                binary_crossentropy::backward(logits, units, targets, weights, d_logits);
            }
            Self::CategoricalCrossentropy { classes } => {
                categorical_crossentropy::backward(logits, classes, targets, weights, d_logits);
            }
        }
    }

    /// Soft targets, n x units, that say what n labels say, smoothed as by [`smooth`](Self::smooth).
    pub fn soft_targets(self, labels: &[usize], smoothing: f32) -> Vec<f32> {
        let rows: Vec<usize> = (0..labels.len()).collect();
        self.soften(Targets::Labels(labels), &rows, smoothing)
    }

    /// Soft targets, `rows` x units, that say what these rows of `targets` say, smoothed as by
    /// [`smooth`](Self::smooth).
    pub fn soften(self, targets: Targets, rows: &[usize], smoothing: f32) -> Vec<f32> {
        let mut soft = Vec::with_capacity(rows.len() * self.units());
        let mut t = vec![0.0; self.units()];
        for &row in rows {
            targets.of_row(row, &mut t);
            soft.extend(t.iter().map(|&t| t as f32));
        }
        self.smooth(&mut soft, smoothing);
        soft
    }

    /// Moves soft targets, n x units, the share `smoothing` of the way to classes that are all as
    /// likely: t (1 - smoothing) + smoothing / classes (Keras's `label_smoothing`). Of classes that do not
    /// exclude each other, each is one of two: it is there or not. 0 changes nothing.
    pub fn smooth(self, targets: &mut [f32], smoothing: f32) {
        let classes = match self {
            Self::BinaryCrossentropy { .. } => 2,
            Self::CategoricalCrossentropy { classes } => classes,
        };
        let even = smoothing / classes as f32;
        targets.iter_mut().for_each(|t| *t = *t * (1.0 - smoothing) + even);
    }
}

fn widen(from: &[f32], to: &mut [f64]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from.into();
    }
}
