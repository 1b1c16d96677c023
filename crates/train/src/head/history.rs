use serde::{Deserialize, Serialize};

/// What one pass over the samples came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// The mean loss over the epoch's batches, in training mode, as the weights were then.
    pub loss: f64,
    /// The accuracy over the epoch's batches, in the same way.
    pub accuracy: f64,
    /// The loss on the validation samples after the epoch, without dropout and class weights; their
    /// own weights count.
    pub val_loss: Option<f64>,
    /// The accuracy on the validation samples after the epoch.
    pub val_accuracy: Option<f64>,
    /// How long the epoch took, validation included.
    pub seconds: f64,
}

/// How training went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    /// All epochs that were run.
    pub epochs: Vec<Epoch>,
    /// The epoch (counted from 1) whose weights were taken, when early stopping chose them; 0 for
    /// those that fine-tuning began with.
    pub best_epoch: Option<usize>,
    /// Whether training ended before its last epoch, by early stopping or by the callback.
    pub stopped_early: bool,
}

/// What a training callback is told. Breaking at an epoch ends training there, with a head; breaking
/// at anything else is [`TrainError::Stopped`](crate::TrainError::Stopped).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An epoch is over.
    Epoch(&'a Epoch),
    /// A batch is about to be taken.
    Batch {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch in that epoch, counted from 1.
        batch: usize,
        /// The batches of an epoch.
        batches: usize,
    },
    /// A strength is being tried on held-out samples. Told several times a second.
    Choosing {
        /// The strength tried, counted from 1.
        trial: usize,
        /// The strength C.
        strength: f64,
    },
    /// The head is being fitted to all samples. Told several times a second.
    Fitting {
        /// The steps taken.
        step: usize,
    },
}
