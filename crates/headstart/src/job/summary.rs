//! Summary of a job, for programs.

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
    /// Accuracy on the pictures held back.
    pub val_accuracy: Option<f64>,
    /// Loss on the pictures held back.
    pub val_loss: Option<f64>,
    /// Pictures learned from and held back.
    pub pictures: usize,
    /// Pictures learned from.
    pub train: usize,
    /// Pictures held back.
    pub validation: usize,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Assumptions about the source that are not obvious.
    pub notes: Vec<String>,
    /// Metrics of each class, by name.
    pub per_class: Option<Value>,
    /// Pictures with the same pixels as another one.
    pub duplicates: usize,
    /// Pictures whose features came from the cache.
    pub from_cache: usize,
    /// The strength C that the data chose.
    pub strength: Option<f64>,
    /// Warnings about the pictures, a line each.
    pub warnings: Vec<String>,
    /// What was left out.
    pub skipped: Vec<SkippedSummary>,
    /// Wall time of the head.
    pub seconds: Seconds,
    /// Figures of pictures that may have several labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_label: Option<Value>,
    /// Figures of cross-validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<FoldsSummary>,
    /// How fine-tuning went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<FineTuneSummary>,
}

/// Something that was left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SkippedSummary {
    /// The file.
    pub path: String,
    /// Why, in half a line.
    pub reason: String,
}

/// Result of cross-validation.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FoldsSummary {
    /// Of the folds' accuracies.
    pub accuracy: Spread,
    /// Of the folds' losses.
    pub loss: Spread,
    /// Of the folds' macro recalls.
    pub macro_recall: Spread,
    /// Each fold.
    pub folds: Vec<FoldRecord>,
}

/// Result of fine-tuning.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct FineTuneSummary {
    /// The first layer that trained.
    pub first_layer: String,
    /// Number of trainable parameters in the base.
    pub trainable: usize,
    /// Epochs that were run.
    pub epochs: usize,
    /// The epoch whose weights are used, if early stopping chose it.
    pub best_epoch: Option<usize>,
    /// Whether it ended before the last epoch.
    pub stopped_early: bool,
    /// Epochs completed by an earlier, interrupted run.
    pub resumed: usize,
    /// Accuracy on the pictures held back, before.
    pub val_accuracy_before: Option<f64>,
    /// Loss on the pictures held back, before.
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
    /// Of what a job came to, with notes on its pictures, whose model was saved to the file, if it was.
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
