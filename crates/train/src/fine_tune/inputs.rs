use std::error::Error;

use crate::losses::Loss;
use crate::samples::targets;

/// Pictures as inputs to the trainable end of a network: outputs of the frozen layers before it, or normalised
/// pictures.
///
/// Several threads read them at once; augmentation, if any, happens then.
pub trait Inputs: Sync {
    /// The class of each picture; with [`label_sets`](Inputs::label_sets), the index of its set of
    /// classes.
    fn labels(&self) -> &[usize];

    /// Sets of classes for a multi-label task: see [`Samples::label_sets`](crate::Samples::label_sets).
    fn label_sets(&self) -> Option<&[Vec<usize>]> {
        None
    }

    /// The weight of each picture in training, Keras's `sample_weight`; 1 for all if `None`. It is multiplied by the
    /// class weight.
    fn weights(&self) -> Option<&[f32]> {
        None
    }

    /// Writes the input for a picture in an epoch, counted from 1. The same epoch and picture always give the same
    /// input.
    ///
    /// # Errors
    /// When it is not available.
    fn read(
        &self,
        epoch: usize,
        picture: usize,
        to: &mut [f32],
    ) -> Result<Label, Box<dyn Error + Send + Sync>>;
}

/// The label of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Label {
    /// The picture's own class or set of classes.
    #[default]
    Own,
    /// A mixture of its own class (or set) and another, as after mixup.
    Mixed {
        /// The fraction of its own label, from 0 to 1.
        share: f32,
        /// The other label.
        other: usize,
    },
}

impl Label {
    /// Mixes the other class or set of classes into `target`, the soft target of the picture's own label.
    pub fn mix(self, loss: Loss, sets: Option<&[Vec<usize>]>, target: &mut [f32]) {
        let Self::Mixed { share, other } = self else { return };
        let other = loss.soften(targets(&[other], sets), &[0], 0.0);
        for (target, other) in target.iter_mut().zip(other) {
            *target = share * *target + (1.0 - share) * other;
        }
    }
}
