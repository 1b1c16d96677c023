//! Progress events.

use headstart_train::Epoch;
use serde::Serialize;

use crate::{DiskNeed, FitReport, TrainSummary};

/// A progress event of a job.
///
/// As JSON, each is an object whose `event` is its name. `headstart --json` prints exactly these lines.
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
    /// An assumption.
    Note {
        /// What, a line.
        message: String,
    },
    /// Disk space that training needs while it runs.
    Disk(DiskNeed),
    /// `done` of `total` pictures have been worked on.
    Pictures {
        /// What is done with them.
        stage: Stage,
        /// Pictures that are done.
        done: usize,
        /// Pictures that there are.
        total: usize,
    },
    /// `done` of `total` different pictures have been compared with others, to find copies.
    Comparing {
        /// Pictures that are done.
        done: usize,
        /// Pictures that there are.
        total: usize,
    },
    /// The pictures are divided; what follows is training.
    Split {
        /// Pictures to learn from.
        train: usize,
        /// Pictures held back.
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
        /// The steps taken.
        step: usize,
    },
    /// A class is about to be left out, to choose the score for unknown pictures.
    LeavingOut {
        /// Classes that have been.
        done: usize,
        /// Classes that will have been.
        total: usize,
    },
    /// A batch is about to be trained on.
    Batch {
        /// What is trained.
        phase: Phase,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch in that epoch, counted from 1.
        batch: usize,
        /// The batches of an epoch.
        batches: usize,
    },
    /// An epoch is over.
    Epoch {
        /// What is trained.
        phase: Phase,
        /// What it came to.
        #[serde(flatten)]
        epoch: Epoch,
    },
    /// The head has been trained, and saved if a file was given; fine-tuning may follow.
    Fitted(Box<FitReport>),
    /// Fine-tuning goes on from a checkpoint: the head need not be trained again.
    Resumed {
        /// Epochs completed by an earlier run.
        epochs: usize,
    },
    /// Estimated time of a job, reported before it starts if its effort is above the lowest.
    Expected {
        /// Seconds of wall time.
        seconds: f64,
    },
    /// A fine-tuned model was compared with the one on the frozen base, on the pictures held back.
    Tried {
        /// The gain in accuracy.
        gain: f64,
        /// The standard error of that.
        error: f64,
        /// Whether it replaces the other: the gain is larger than its error.
        kept: bool,
    },
    /// A job is done.
    Done(Box<TrainSummary>),
    /// A step of the learning rate search is about to be taken.
    LearningRate {
        /// The step, counted from 1.
        step: usize,
        /// Steps that there are.
        steps: usize,
        /// The rate that it is taken at.
        rate: f64,
    },
}

/// What is done with pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stage {
    /// Their features are computed, or found in the cache.
    Features,
    /// They are decoded, to be trained on.
    Decoding,
    /// The frozen layers are run on their views.
    Views,
}

/// What is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The head, on a frozen base.
    Head,
    /// The top of the base with the head.
    FineTune,
}

impl Event {
    /// What the trainer tells.
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
