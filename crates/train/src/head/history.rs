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

impl History {
    /// Whether training ended while the loss was still falling clearly: it fell by more than an eighth of its whole fall,
    /// and by more than a hundredth, in the last third of the epochs. A loss that falls evenly falls by a third there.
    ///
    /// The loss is the one on the validation samples, if there are any. Never true with fewer than three epochs, or if
    /// training stopped early.
    pub fn still_falls(&self) -> bool {
        const SHARE: f64 = 0.125;
        const LEAST: f64 = 0.01;
        let losses: Vec<f64> =
            self.epochs.iter().map(|epoch| epoch.val_loss.unwrap_or(epoch.loss)).collect();
        let (&[first, .., before, last], false) = (&losses[..], self.stopped_early) else {
            return false;
        };
        let fall = losses[losses.len() - 1 - losses.len() / 3] - last;
        last < before && fall > SHARE * (first - last) && fall > LEAST * last
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn history(losses: &[f64]) -> History {
        let epochs = (1..).zip(losses).map(|(epoch, &loss)| Epoch {
            epoch,
            loss,
            accuracy: 0.5,
            val_loss: None,
            val_accuracy: None,
            seconds: 0.0,
        });
        History { epochs: epochs.collect(), ..History::default() }
    }

    #[test]
    fn a_loss_still_falls_if_much_of_its_fall_is_at_the_end() {
        for (losses, falls) in [
            (&[][..], false),
            (&[1.0], false),
            // Two epochs do not show a course.
            (&[1.0, 0.5], false),
            (&[1.0, 0.9, 0.8], true),
            (&[1.0, 0.5, 0.45], false),
            (&[1.80, 1.77, 1.75, 1.73, 1.70, 1.68, 1.66, 1.64, 1.62, 1.60], true),
            (&[0.87, 0.61, 0.53, 0.50, 0.51, 0.46, 0.454, 0.445, 0.457, 0.436], false),
            // It rises again, or all the time.
            (&[1.0, 0.9, 0.8, 0.7, 0.4, 0.5], false),
            (&[1.0, 1.1, 1.2, 1.3], false),
            // Even, but too little to matter.
            (&[1.0, 0.998, 0.996, 0.994], false),
            (&[1.0, f64::NAN, f64::NAN], false),
        ] {
            assert_eq!(history(losses).still_falls(), falls, "{losses:?}");
        }
    }

    #[test]
    fn the_loss_on_validation_samples_decides_and_an_early_stop_is_an_end() {
        let mut history = history(&[1.0, 0.9, 0.8]);
        history.stopped_early = true;
        assert!(!history.still_falls());
        history.stopped_early = false;
        for epoch in &mut history.epochs {
            epoch.val_loss = Some(1.0);
        }
        assert!(!history.still_falls());
    }
}
