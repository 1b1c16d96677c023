//! The summary of a job, for programs.

use std::path::Path;

use headstart_data::Skipped;
use headstart_data::sources::Note;
use serde::Serialize;
use serde_json::Value;

use super::Trained;
use crate::{FineTuneReport, FineTuneSeconds, FoldRecord, Seconds, Spread};

/// Result of a [`TrainJob`](super::TrainJob), as reported by [`Event::Done`](crate::Event::Done).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TrainSummary {
    /// The file that the model is saved to.
    pub model: Option<String>,
    /// Accuracy on the held-back pictures.
    pub val_accuracy: Option<f64>,
    /// Loss on the held-back pictures.
    pub val_loss: Option<f64>,
    /// The number of pictures trained on and held back.
    pub pictures: usize,
    /// The number of pictures trained on.
    pub train: usize,
    /// The number of held-back pictures.
    pub validation: usize,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Assumptions about the source that are not obvious.
    pub notes: Vec<String>,
    /// Metrics of each class, by name.
    pub per_class: Option<Value>,
    /// The number of pictures with the same pixels as another one.
    pub duplicates: usize,
    /// The number of pictures whose features came from the cache.
    pub from_cache: usize,
    /// The strength C, if it was chosen on the data.
    pub strength: Option<f64>,
    /// Warnings about the pictures, one line each.
    pub warnings: Vec<String>,
    /// Skipped pictures and other files.
    pub skipped: Vec<SkippedSummary>,
    /// Wall time of training the head.
    pub seconds: Seconds,
    /// Metrics with several labels per picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_label: Option<Value>,
    /// Results of cross-validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<FoldsSummary>,
    /// Results of fine-tuning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<FineTuneSummary>,
}

/// A skipped file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SkippedSummary {
    /// The path of the file.
    pub path: String,
    /// The reason, in half a line.
    pub reason: String,
}

/// Result of cross-validation.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FoldsSummary {
    /// Mean and standard deviation of the folds' accuracies.
    pub accuracy: Spread,
    /// Mean and standard deviation of the folds' losses.
    pub loss: Spread,
    /// Mean and standard deviation of the folds' macro recalls.
    pub macro_recall: Spread,
    /// Each fold.
    pub folds: Vec<FoldRecord>,
}

/// Result of fine-tuning.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FineTuneSummary {
    /// The first layer that was trained.
    pub first_layer: String,
    /// The number of trainable parameters in the base.
    pub trainable: usize,
    /// The number of epochs that were run.
    pub epochs: usize,
    /// The epoch whose weights are used, if early stopping chose it.
    pub best_epoch: Option<usize>,
    /// Whether it ended before the last epoch.
    pub stopped_early: bool,
    /// The number of epochs completed by an earlier, interrupted run.
    pub resumed: usize,
    /// Accuracy on the held-back pictures before fine-tuning.
    pub val_accuracy_before: Option<f64>,
    /// Loss on the held-back pictures before fine-tuning.
    pub val_loss_before: Option<f64>,
    /// Wall time.
    pub seconds: FineTuneSeconds,
}

impl From<&FineTuneReport> for FineTuneSummary {
    fn from(report: &FineTuneReport) -> Self {
        Self {
            first_layer: report.first_layer.clone(),
            trainable: report.trainable,
            epochs: report.epochs.len(),
            best_epoch: report.best_epoch,
            stopped_early: report.stopped_early,
            resumed: report.resumed,
            val_accuracy_before: report.before.as_ref().map(|before| before.accuracy),
            val_loss_before: report.before.as_ref().map(|before| before.loss),
            seconds: report.seconds,
        }
    }
}

impl From<&Skipped> for SkippedSummary {
    fn from(skipped: &Skipped) -> Self {
        let path = skipped.path.display().to_string();
        Self { path, reason: skipped.reason.to_string() }
    }
}

impl TrainSummary {
    /// Summarises the result of a job. `notes` are those on its pictures, and `model` is the file that the
    /// model was saved to, if any.
    pub fn new(trained: &Trained, notes: &[Note], model: Option<&Path>) -> Self {
        let Trained { classifier, fit, fine_tune, .. } = trained;
        let validation = fine_tune.as_ref().map_or(&fit.validation, |tuned| &tuned.validation);
        let validation = validation.as_ref();
        let held_back = validation.map_or(0, |validation| validation.pictures);
        let folds = fit.folds.as_ref();
        let measured = validation.or(folds.map(|folds| &folds.held_out));
        Self {
            model: model.map(|model| model.display().to_string()),
            val_accuracy: validation.map(|validation| validation.accuracy),
            val_loss: validation.map(|validation| validation.loss),
            pictures: fit.train + held_back,
            train: fit.train,
            validation: held_back,
            classes: classifier.classes().to_vec(),
            notes: notes.iter().map(ToString::to_string).collect(),
            per_class: measured.map(|evaluation| evaluation.per_class_by_name()),
            duplicates: fit.duplicates,
            from_cache: fit.cached,
            strength: fit.strength,
            warnings: fit.warnings.iter().map(ToString::to_string).collect(),
            skipped: fit.skipped.iter().map(Into::into).collect(),
            seconds: fit.seconds,
            multi_label: measured.and_then(|evaluation| evaluation.multi_label_by_name()),
            folds: folds.map(|folds| FoldsSummary {
                accuracy: folds.accuracy,
                loss: folds.loss,
                macro_recall: folds.macro_recall,
                folds: folds.folds.clone(),
            }),
            fine_tune: fine_tune.as_ref().map(Into::into),
        }
    }
}
