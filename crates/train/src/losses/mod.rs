//! Losses from logits: the mean over the rows of weight x loss, divided by the number of rows rather than the sum of
//! the weights (Keras's `sum_over_batch_size`).

pub mod binary_crossentropy;
pub mod categorical_crossentropy;
mod targets;

use headstart_engine::head::Task;

pub use targets::Targets;

/// The loss for a task and number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Two exclusive classes with a single logit, or a multi-label task with one logit per class.
    BinaryCrossentropy {
        /// The number of logits.
        units: usize,
    },
    /// Exclusive classes with one logit each.
    CategoricalCrossentropy {
        /// The number of classes.
        classes: usize,
    },
}

impl Loss {
    /// The loss for this number of exclusive classes.
    pub fn of(classes: usize) -> Self {
        match classes {
            2 => Self::BinaryCrossentropy { units: 1 },
            _ => Self::CategoricalCrossentropy { classes },
        }
    }

    /// The training loss of heads for this task and number of classes.
    pub fn of_task(task: Task, classes: usize) -> Self {
        match task {
            Task::SingleLabel => Self::of(classes),
            Task::MultiLabel => Self::BinaryCrossentropy { units: classes },
        }
    }

    /// The number of logits per sample.
    pub fn units(self) -> usize {
        match self {
            Self::BinaryCrossentropy { units } => units,
            Self::CategoricalCrossentropy { classes } => classes,
        }
    }

    /// The mean loss of logits, n x units, with a weight per row, or 1. Binary cross-entropy also accepts a weight per
    /// logit, n x units.
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

    /// Converts n labels to soft targets, n x units, smoothed by [`smooth`](Self::smooth).
    pub fn soft_targets(self, labels: &[usize], smoothing: f32) -> Vec<f32> {
        let rows: Vec<usize> = (0..labels.len()).collect();
        self.soften(Targets::Labels(labels), &rows, smoothing)
    }

    /// Converts these rows of `targets` to soft targets, `rows` x units, smoothed by [`smooth`](Self::smooth).
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

    /// Moves soft targets, n x units, by the fraction `smoothing` towards the uniform distribution: t (1 - smoothing) +
    /// smoothing / classes (Keras's `label_smoothing`). In a multi-label task, the presence and absence of a class
    /// count as two classes. 0 changes nothing.
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
