//! Progress events.

use headstart_train::Epoch;
use serde::Serialize;

use crate::{DiskNeed, FitReport, TrainSummary};

/// A progress event of a job.
///
/// As JSON, each event is an object whose `event` is its name. `headstart --json` prints exactly these lines.
///
/// ```
/// use headstart::Event;
///
/// let event = Event::LearningRate { step: 3, steps: 100, rate: 1e-6 };
/// let line = serde_json::to_string(&event)?;
/// assert_eq!(line, r#"{"event":"learning_rate","step":3,"steps":100,"rate":1e-6}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// An assumption that a file left open.
    Note {
        /// The assumption, in one line.
        message: String,
    },
    /// Disk space that training needs while it runs.
    Disk(DiskNeed),
    /// `done` of `total` pictures have been processed.
    Pictures {
        /// What is being done with them.
        stage: Stage,
        /// The number of processed pictures.
        done: usize,
        /// The number of all pictures.
        total: usize,
    },
    /// `done` of `total` distinct pictures have been compared with others, to find copies.
    Comparing {
        /// The number of compared pictures.
        done: usize,
        /// The number of all distinct pictures.
        total: usize,
    },
    /// The pictures have been split. Training follows.
    Split {
        /// The number of pictures to train on.
        train: usize,
        /// The number of held-back pictures.
        validation: usize,
    },
    /// A strength of the head's regularisation is being tried. Reported several times a second.
    Choosing {
        /// The strength tried, counted from 1.
        trial: usize,
        /// The strength C.
        strength: f64,
    },
    /// The head is being fitted to all features. Reported several times a second.
    Fitting {
        /// The number of steps taken.
        step: usize,
    },
    /// A class is about to be left out, to choose the score for unknown pictures.
    LeavingOut {
        /// The number of classes left out so far.
        done: usize,
        /// The number of classes to leave out.
        total: usize,
    },
    /// A batch is about to be trained on.
    Batch {
        /// What is being trained.
        phase: Phase,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch in this epoch, counted from 1.
        batch: usize,
        /// The number of batches per epoch.
        batches: usize,
    },
    /// An epoch is complete.
    Epoch {
        /// What is being trained.
        phase: Phase,
        /// The metrics of the epoch.
        #[serde(flatten)]
        epoch: Epoch,
    },
    /// The head has been trained, and saved if a file was given; fine-tuning may follow.
    Fitted(Box<FitReport>),
    /// Fine-tuning resumes from a checkpoint, so the head is not trained again.
    Resumed {
        /// The number of epochs completed by an earlier run.
        epochs: usize,
    },
    /// The estimated time of a job. Reported before it starts, if its effort is above the lowest.
    Expected {
        /// Seconds of wall time.
        seconds: f64,
    },
    /// A fine-tuned model was compared with the one on the frozen base, on the held-back pictures.
    Tried {
        /// The gain in accuracy.
        gain: f64,
        /// The standard error of the gain.
        error: f64,
        /// Whether the fine-tuned model is kept: its gain is larger than the standard error.
        kept: bool,
    },
    /// A job is done.
    Done(Box<TrainSummary>),
    /// A step of the learning rate search is about to be taken.
    LearningRate {
        /// The step, counted from 1.
        step: usize,
        /// The number of steps.
        steps: usize,
        /// The learning rate of the step.
        rate: f64,
    },
}

/// What is being done with pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Features are computed, or read from the cache.
    Features,
    /// Pictures are decoded, to train on them.
    Decoding,
    /// The frozen layers are applied to the views of pictures.
    Views,
}

/// What is being trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The head, on a frozen base.
    Head,
    /// The upper layers of the base, with the head.
    FineTune,
}

impl Event {
    /// Converts an event of the trainer.
    pub(crate) fn of_training(phase: Phase, event: headstart_train::Event<'_>) -> Option<Self> {
        use headstart_train::Event;
        Some(match event {
            Event::Epoch(epoch) => Self::Epoch { phase, epoch: epoch.clone() },
            Event::Batch { epoch, batch, batches } => Self::Batch { phase, epoch, batch, batches },
            Event::Choosing { trial, strength } => Self::Choosing { trial, strength },
            Event::Fitting { step } => Self::Fitting { step },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_lines_that_the_command_prints() {
        let epoch = Epoch {
            epoch: 2,
            loss: 0.5,
            accuracy: 0.75,
            val_loss: Some(1.0),
            val_accuracy: None,
            seconds: 0.25,
        };
        let disk = DiskNeed { folder: "a/b".into(), bytes: 7 };
        for (event, line) in [
            (
                Event::Epoch { phase: Phase::FineTune, epoch },
                r#"{"event":"epoch","phase":"fine-tune","epoch":2,"loss":0.5,"accuracy":0.75,"val_loss":1.0,"val_accuracy":null,"seconds":0.25}"#,
            ),
            (
                Event::LeavingOut { done: 1, total: 3 },
                r#"{"event":"leaving_out","done":1,"total":3}"#,
            ),
            (Event::Expected { seconds: 1.5 }, r#"{"event":"expected","seconds":1.5}"#),
            (
                Event::Tried { gain: 0.25, error: 0.125, kept: true },
                r#"{"event":"tried","gain":0.25,"error":0.125,"kept":true}"#,
            ),
            (Event::Disk(disk), r#"{"event":"disk","folder":"a/b","bytes":7}"#),
            (Event::Note { message: "so".to_owned() }, r#"{"event":"note","message":"so"}"#),
            (
                Event::Pictures { stage: Stage::Views, done: 1, total: 2 },
                r#"{"event":"pictures","stage":"views","done":1,"total":2}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&event).unwrap(), line);
        }
    }
}
