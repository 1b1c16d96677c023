//! Losses, from logits: the mean over the rows of weight x loss, divided by the number of rows and
//! not by the sum of the weights (Keras's `sum_over_batch_size`).

pub mod binary_crossentropy;
pub mod categorical_crossentropy;

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
    pub fn forward(self, logits: &[f32], labels: &[usize], weights: Option<&[f32]>) -> f64 {
        match self {
            Self::BinaryCrossentropy => binary_crossentropy::forward(logits, labels, weights),
            Self::CategoricalCrossentropy { classes } => {
                categorical_crossentropy::forward(logits, classes, labels, weights)
            }
        }
    }

    /// The gradient of [`forward`](Self::forward) with respect to the logits.
    pub fn backward(
        self,
        logits: &[f32],
        labels: &[usize],
        weights: Option<&[f32]>,
        d_logits: &mut [f32],
    ) {
        match self {
            Self::BinaryCrossentropy => {
                binary_crossentropy::backward(logits, labels, weights, d_logits);
            }
            Self::CategoricalCrossentropy { classes } => {
                categorical_crossentropy::backward(logits, classes, labels, weights, d_logits);
            }
        }
    }
}
