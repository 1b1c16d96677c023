//! Converts the library's events to the progress of a job, in words and numbers.

use std::time::{Duration, Instant};

use headstart::{Event, Phase, Stage};
use serde::Serialize;

use super::JobView;

/// The interval between reports of progress.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// The figures of an epoch, for the page to draw.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Point {
    epoch: usize,
    accuracy: f64,
    loss: f64,
    validation_accuracy: Option<f64>,
    validation_loss: Option<f64>,
}

/// A change in the progress of a job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    /// The progress within a stage.
    Far { stage: String, done: usize, total: usize, seconds_left: Option<f64> },
    /// The end of an epoch.
    Epoch(Point),
}

/// Converts events to steps, at most a few per second.
#[derive(Debug)]
pub(super) struct Follow {
    /// The largest number of epochs of fine-tuning.
    epochs: usize,
    /// The kind of work, whatever its stage is called.
    what: &'static str,
    begun: Option<Instant>,
    /// The progress when this kind of work was first reported.
    first: usize,
    told: Option<Instant>,
}

impl Follow {
    /// Follows a job with at most `epochs` epochs of fine-tuning.
    pub(super) fn new(epochs: usize) -> Self {
        Self { epochs, what: "", begun: None, first: 0, told: None }
    }

    pub(super) fn step(&mut self, event: &Event) -> Option<Step> {
        let (what, stage, done, total) = match event {
            Event::Pictures { stage, done, total } => {
                let what = match stage {
                    Stage::Views => "Preparing pictures",
                    _ => "Reading pictures",
                };
                (what, None, *done, *total)
            }
            Event::Comparing { done, total } => ("Looking for copies", None, *done, *total),
            Event::Choosing { .. } | Event::Fitting { .. } => ("Learning the classes", None, 0, 0),
            Event::LeavingOut { done, total } => ("Learning what is unknown", None, *done, *total),
            Event::Batch { phase: Phase::FineTune, epoch, batch, batches } => {
                let stage = format!("Fine-tuning, pass {epoch} of up to {}", self.epochs);
                let (done, total) = ((epoch - 1) * batches + batch - 1, self.epochs * batches);
                ("Fine-tuning", Some(stage), done, total)
            }
            Event::Epoch { phase: Phase::FineTune, epoch } => {
                return Some(Step::Epoch(Point {
                    epoch: epoch.epoch,
                    accuracy: epoch.accuracy,
                    loss: epoch.loss,
                    validation_accuracy: epoch.val_accuracy,
                    validation_loss: epoch.val_loss,
                }));
            }
            _ => return None,
        };
        self.far(what, stage, (done, total), Instant::now())
    }

    fn far(
        &mut self,
        what: &'static str,
        stage: Option<String>,
        (done, total): (usize, usize),
        now: Instant,
    ) -> Option<Step> {
        if self.what != what {
            (self.what, self.begun, self.first) = (what, Some(now), done);
        } else if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return None;
        }
        self.told = Some(now);
        let spent = self.begun.map_or(0.0, |begun| now.duration_since(begun).as_secs_f64());
        let steps = done.saturating_sub(self.first);
        let seconds_left = (steps > 0 && spent > 0.5)
            .then(|| spent / steps as f64 * total.saturating_sub(done) as f64);
        let stage = stage.unwrap_or_else(|| what.to_owned());
        Some(Step::Far { stage, done, total, seconds_left })
    }
}

impl JobView {
    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Far { stage, done, total, seconds_left } => {
                (self.stage, self.done, self.total) = (stage, done, total);
                self.seconds_left = seconds_left;
            }
            Step::Epoch(point) => self.curve.push(point),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_from_what_was_done_since_it_began() {
        let mut follow = Follow::new(10);
        let begun = Instant::now();
        let mut at = |what, done, milliseconds| {
            follow.far(what, None, (done, 100), begun + Duration::from_millis(milliseconds))
        };
        let left = |step: Option<Step>| match step {
            Some(Step::Far { seconds_left, .. }) => seconds_left,
            other => panic!("{other:?}"),
        };
        assert_eq!(left(at("Reading", 20, 0)), None);
        assert_eq!(at("Reading", 21, 100), None, "it was told just now");
        assert_eq!(left(at("Reading", 22, 250)), None, "too early to say");
        assert_eq!(left(at("Reading", 40, 2_000)), Some(6.0));
        assert_eq!(left(at("Fine-tuning", 3, 2_001)), None, "something else");
    }

    #[test]
    fn passes_are_counted_together() {
        let mut follow = Follow::new(4);
        let batch = Event::Batch { phase: Phase::FineTune, epoch: 3, batch: 2, batches: 5 };
        let Some(Step::Far { stage, done, total, .. }) = follow.step(&batch) else {
            panic!("it is told")
        };
        assert_eq!((&*stage, done, total), ("Fine-tuning, pass 3 of up to 4", 11, 20));
        assert_eq!(follow.step(&Event::Note { message: "so".to_owned() }), None);
    }
}
