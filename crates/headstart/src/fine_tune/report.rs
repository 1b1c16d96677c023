//! The result of fine-tuning.

use std::sync::Arc;

use headstart_data::Skipped;
use headstart_train::Epoch;
use serde::{Deserialize, Serialize};

use crate::{Answers, Evaluation, FitReport, Seconds, Warning};

/// The result of fine-tuning.
#[derive(Clone, Debug)]
pub struct FineTuneReport {
    /// Metrics on the held-back pictures before fine-tuning; `None` if none are held back.
    pub before: Option<Evaluation>,
    /// Metrics on the held-back pictures after fine-tuning.
    pub validation: Option<Evaluation>,
    /// The classifier's answer for each held-back picture.
    pub answers: Option<Arc<Answers>>,
    /// Every epoch, including those before an interruption.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights were kept, if early stopping chose it. It is 0 if no epoch was better on the
    /// held-back pictures than the classifier before, which is then unchanged.
    pub best_epoch: Option<usize>,
    /// Whether training ended before the last epoch.
    pub stopped_early: bool,
    /// The first layer that was trained.
    pub first_layer: String,
    /// The number of trained parameters in the base.
    pub trainable: usize,
    /// The number of epochs completed by an earlier, interrupted run.
    pub resumed: usize,
    /// The number of pictures trained on.
    pub train: usize,
    /// How many of the evaluated pictures earlier training was trained on; `None` if unknown.
    pub learned_from: Option<usize>,
    /// How many pictures earlier training had not seen; `None` if unknown.
    pub unseen: Option<usize>,
    /// Skipped pictures and other files, with reasons.
    pub skipped: Vec<Skipped>,
    /// Warnings, one line each.
    pub warnings: Vec<Warning>,
    /// Wall time of computing views and in total, in seconds.
    pub seconds: FineTuneSeconds,
}

/// Wall time of the parts of fine-tuning, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FineTuneSeconds {
    /// Computing the frozen layers.
    pub frozen: f64,
    /// Everything.
    pub total: f64,
}

impl FitReport {
    /// The report on a head trained by an earlier, interrupted run, as far as fine-tuning knows it.
    pub(crate) fn of_resumed(tuned: &FineTuneReport) -> Self {
        Self {
            validation: tuned.before.clone(),
            folds: None,
            answers: None,
            out_of_fold: None,
            epochs: Vec::new(),
            strength: None,
            train: tuned.train,
            duplicates: 0,
            cached: 0,
            skipped: tuned.skipped.clone(),
            warnings: tuned.warnings.clone(),
            seconds: Seconds::default(),
        }
    }
}
