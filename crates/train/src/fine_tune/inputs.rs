use std::error::Error;

use crate::losses::Loss;
use crate::samples::targets;

/// Pictures as the trainable end of a network takes them: the output of the frozen layers before it,
/// or the normalised picture.
///
/// They are read by several threads at once, which is when a picture is augmented, if it is.
pub trait Inputs: Sync {
    /// The class of each picture; with [`label_sets`](Inputs::label_sets), the index of its set of
    /// classes.
    fn labels(&self) -> &[usize];

    /// Sets of classes, where pictures may be of several: see
    /// [`Samples::label_sets`](crate::Samples::label_sets).
    fn label_sets(&self) -> Option<&[Vec<usize>]> {
        None
    }

    /// What each picture counts for in training, Keras's `sample_weight`; all the same where there is
    /// nothing. Multiplied with the class's weight.
    fn weights(&self) -> Option<&[f32]> {
        None
    }

    /// Writes the input of a picture in an epoch, counted from 1. The same epoch and picture always
    /// give the same.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn read(
        &self,
        epoch: usize,
        picture: usize,
        to: &mut [f32],
    ) -> Result<Label, Box<dyn Error + Send + Sync>>;
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Label {
    /// Its own class, or set of classes.
    #[default]
    Own,
    /// This share of its own class (or set of them), and another for the rest, as after mixup.
    Mixed {
        /// From 0 to 1.
        share: f32,
        /// The other's label.
        other: usize,
    },
}

impl Label {
    /// Mixes the other class, or set of classes, into `target`, the soft target of a picture's own.
    pub fn mix(self, loss: Loss, sets: Option<&[Vec<usize>]>, target: &mut [f32]) {
        let Self::Mixed { share, other } = self else { return };
        let other = loss.soften(targets(&[other], sets), &[0], 0.0);
        for (target, other) in target.iter_mut().zip(other) {
            *target = share * *target + (1.0 - share) * other;
        }
    }
}
