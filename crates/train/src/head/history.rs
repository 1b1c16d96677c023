use serde::{Deserialize, Serialize};

/// The results of one pass over the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// The mean loss over the epoch's batches, in training mode, each with the weights at that time.
    pub loss: f64,
    /// The accuracy over the epoch's batches, measured likewise.
    pub accuracy: f64,
    /// The loss on the validation samples after the epoch, without dropout and class weights, but with sample weights.
    pub val_loss: Option<f64>,
    /// The accuracy on the validation samples after the epoch.
    pub val_accuracy: Option<f64>,
    /// The duration of the epoch, including validation.
    pub seconds: f64,
}

/// The history of training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// All completed epochs.
    pub epochs: Vec<Epoch>,
    /// The epoch (counted from 1) whose weights early stopping restored; 0 for the initial weights of fine-tuning.
    pub best_epoch: Option<usize>,
    /// Whether early stopping or the callback ended training before the last epoch.
    pub stopped_early: bool,
}

/// The argument of a training callback. A break at an epoch ends training there, with a head; a break at any other
/// event gives [`TrainError::Stopped`](crate::TrainError::Stopped).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An epoch is complete.
    Epoch(&'a Epoch),
    /// A batch is about to begin.
    Batch {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch in that epoch, counted from 1.
        batch: usize,
        /// Batches per epoch.
        batches: usize,
    },
    /// A strength is being tried on held-out samples. Reported several times a second.
    Choosing {
        /// The index of the trial, counted from 1.
        trial: usize,
        /// The strength C.
        strength: f64,
    },
    /// The head is being fitted to all samples. Reported several times a second.
    Fitting {
        /// The number of steps taken.
        step: usize,
    },
}
