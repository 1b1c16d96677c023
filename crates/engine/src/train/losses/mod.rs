//! Losses, from logits: the mean over the rows of weight x loss, divided by the number of rows and
//! not by the sum of the weights (Keras's `sum_over_batch_size`).

pub mod binary_crossentropy;
pub mod categorical_crossentropy;
mod targets;

pub use targets::Targets;

/// The loss that fits a number of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Two classes, one logit.
    BinaryCrossentropy,
    /// A logit for each class.
    CategoricalCrossentropy {
        /// The number of classes.
        classes: usize,
    },
}

impl Loss {
    /// The loss for so many classes.
    pub fn of(classes: usize) -> Self {
        match classes {
            2 => Self::BinaryCrossentropy,
            _ => Self::CategoricalCrossentropy { classes },
        }
    }

    /// The number of logits of a sample.
    pub fn units(self) -> usize {
        match self {
            Self::BinaryCrossentropy => 1,
            Self::CategoricalCrossentropy { classes } => classes,
        }
    }

    /// The mean loss of logits, n x units, where each row counts its weight, or 1.
    pub fn forward(self, logits: &[f32], targets: Targets, weights: Option<&[f32]>) -> f64 {
        match self {
            Self::BinaryCrossentropy => binary_crossentropy::forward(logits, targets, weights),
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
            Self::BinaryCrossentropy => {
                binary_crossentropy::backward(logits, targets, weights, d_logits);
            }
            Self::CategoricalCrossentropy { classes } => {
                categorical_crossentropy::backward(logits, classes, targets, weights, d_logits);
            }
        }
    }

    /// Soft targets, n x units, that say what n labels say, smoothed as by [`smooth`](Self::smooth).
    pub fn soft_targets(self, labels: &[usize], smoothing: f32) -> Vec<f32> {
        let mut targets = vec![0.0; labels.len() * self.units()];
        for (row, &label) in labels.iter().enumerate() {
            match self {
                Self::BinaryCrossentropy => targets[row] = label as f32,
                Self::CategoricalCrossentropy { classes } => targets[row * classes + label] = 1.0,
            }
        }
        self.smooth(&mut targets, smoothing);
        targets
    }

    /// Moves soft targets, n x units, the share `smoothing` of the way to classes that are all as
    /// likely: t (1 - smoothing) + smoothing / classes (Keras's `label_smoothing`). 0 changes nothing.
    pub fn smooth(self, targets: &mut [f32], smoothing: f32) {
        let classes = match self {
            Self::BinaryCrossentropy => 2,
            Self::CategoricalCrossentropy { classes } => classes,
        };
        let even = smoothing / classes as f32;
        targets.iter_mut().for_each(|t| *t = *t * (1.0 - smoothing) + even);
    }
}

fn weight_of(row: usize, weights: Option<&[f32]>) -> f64 {
    weights.map_or(1.0, |weights| weights[row].into())
}

fn widen(from: &[f32], to: &mut [f64]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from.into();
    }
}
