//! How training a head went: for who trains, and in the model file.

use std::time::Instant;

use headstart_data::sources::ColumnNames;
use headstart_data::{Augment, Skipped};
use headstart_engine::train::{Epoch, Task};
use serde::{Deserialize, Serialize};

use super::head::{Fitted, Side};
use super::{CrossValidation, FitConfig, HeadConfig};
use crate::classifier::UNCHOSEN;
use crate::{Base, Classifier, Evaluation, FineTuneRecord, FineTuneReport, Seen};

/// How training went.
#[derive(Clone, Debug)]
pub struct FitReport {
    /// Figures on the pictures held back; `None` if none were.
    pub validation: Option<Evaluation>,
    /// Figures of cross-validation, where it was asked for.
    pub folds: Option<CrossValidation>,
    /// Every epoch.
    pub epochs: Vec<Epoch>,
    /// The strength C that the data chose, with [`HeadConfig::Lbfgs`].
    pub strength: Option<f64>,
    /// Pictures learned from.
    pub train: usize,
    /// Pictures whose pixels another one has too.
    pub duplicates: usize,
    /// Pictures whose features came from the cache.
    pub cached: usize,
    /// Pictures and other files that were left out, with the reason.
    pub skipped: Vec<Skipped>,
    /// What whoever owns the pictures should know, a line each.
    pub warnings: Vec<String>,
    /// How long it took.
    pub seconds: Seconds,
}

/// Wall time of the parts of training, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Decoding and features.
    pub features: f64,
    /// Fitting the head.
    pub head: f64,
    /// Everything.
    pub total: f64,
}

/// What a model file tells of how the model came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Where the pictures are, and how they were labelled and divided.
    #[serde(flatten)]
    pub origin: Origin,
    /// Pictures learned from.
    pub train: usize,
    /// Paths of the pictures held back, from the folder on.
    pub validation: Vec<String>,
    /// All pictures that the model has seen, in training its head and its base; not known of files of
    /// earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// How the head was fitted.
    pub head: HeadConfig,
    /// How pictures were varied.
    #[serde(default)]
    pub augment: Augment,
    /// Views of each picture, where they were.
    #[serde(default)]
    pub views: usize,
    /// The strength C that the data chose.
    pub strength: Option<f64>,
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// Figures on the pictures held back.
    pub metrics: Option<Evaluation>,
    /// Figures of cross-validation, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<CrossValidation>,
    /// How the base was fine-tuned, if it was; the figures are of after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<FineTuneRecord>,
}

/// Where a model's pictures are from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The absolute path of the folder of pictures, or of the file that lists them; in files of earlier
    /// versions as it was given.
    pub pictures: String,
    /// The regular expression that found labels in paths, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_from: Option<String>,
    /// The regular expression that found groups in paths, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_from: Option<String>,
    /// Which columns of a table were named.
    #[serde(default, skip_serializing_if = "ColumnNames::is_empty")]
    pub columns: ColumnNames,
    /// What decided which pictures were held back; nothing in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitRecord>,
}

/// What decided which pictures were held back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum SplitRecord {
    /// A share of each class was.
    Share {
        /// The share.
        share: f64,
        /// What decided which.
        seed: u64,
    },
    /// The source said so, or earlier training had: of pictures that were new to it, a share was.
    Given,
    /// Each was once; the model learned from all.
    Folds {
        /// How many folds.
        count: usize,
        /// What decided which is in which.
        seed: u64,
    },
}

/// An epoch without the time that it took: the same training gives the same file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss over the batches.
    pub loss: f64,
    /// Accuracy over the batches.
    pub accuracy: f64,
    /// Loss on the pictures held back.
    pub val_loss: Option<f64>,
    /// Accuracy on the pictures held back.
    pub val_accuracy: Option<f64>,
}

impl From<&Epoch> for EpochRecord {
    fn from(epoch: &Epoch) -> Self {
        let &Epoch { epoch, loss, accuracy, val_loss, val_accuracy, .. } = epoch;
        Self { epoch, loss, accuracy, val_loss, val_accuracy }
    }
}

impl FitReport {
    /// A report of a head that an earlier, interrupted run had trained: what fine-tuning knows.
    pub fn of_resumed(tuned: &FineTuneReport) -> Self {
        Self {
            validation: tuned.before.clone(),
            folds: None,
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

/// What is known of the pictures, and becomes a part of the model and of the report.
pub(super) struct Outcome {
    pub(super) origin: Origin,
    pub(super) folds: Option<CrossValidation>,
    pub(super) classes: Vec<String>,
    /// Those of the labels, where they have been chosen and no pictures are held back.
    pub(super) thresholds: Option<Vec<f32>>,
    pub(super) held_back: Vec<String>,
    pub(super) seen: Seen,
    pub(super) train: usize,
    pub(super) duplicates: usize,
    pub(super) cached: usize,
    pub(super) skipped: Vec<Skipped>,
    pub(super) warnings: Vec<String>,
    /// Seconds until the features were there.
    pub(super) features: f64,
    pub(super) start: Instant,
}

impl Outcome {
    pub(super) fn finish(
        self,
        base: Base,
        fitted: Fitted,
        validation: &Side,
        config: &FitConfig,
    ) -> (Classifier, FitReport) {
        let head_done = self.start.elapsed().as_secs_f64();
        let mut classifier = Classifier::new(base, fitted.head, self.classes);
        let mut warnings = self.warnings;
        match self.thresholds {
            Some(thresholds) => classifier.thresholds = thresholds,
            None if classifier.task() == Task::MultiLabel && validation.labels.is_empty() => {
                warnings.push(format!(
                    "every label's threshold is {UNCHOSEN}: there are no held-out pictures to choose them by"
                ));
            }
            None => {}
        }
        let metrics = (!validation.labels.is_empty()).then(|| {
            let probabilities = classifier.head.probabilities(&validation.features);
            let (labels, sets) = (&validation.labels, validation.label_sets.as_deref());
            classifier.choose_thresholds(labels, sets, &probabilities);
            Evaluation::new(&classifier, labels, sets, &probabilities)
        });
        classifier.training = Some(TrainingRecord {
            origin: self.origin,
            train: self.train,
            validation: self.held_back,
            seen: Some(self.seen),
            head: config.head.clone(),
            augment: config.augment,
            views: config.views,
            strength: fitted.strength,
            epochs: fitted.epochs.iter().map(EpochRecord::from).collect(),
            metrics: metrics.clone(),
            folds: self.folds.clone(),
            fine_tune: None,
        });
        let report = FitReport {
            validation: metrics,
            folds: self.folds,
            epochs: fitted.epochs,
            strength: fitted.strength,
            train: self.train,
            duplicates: self.duplicates,
            cached: self.cached,
            skipped: self.skipped,
            warnings: warnings.into_iter().chain(fitted.warning).collect(),
            seconds: Seconds {
                features: self.features,
                head: head_done - self.features,
                total: self.start.elapsed().as_secs_f64(),
            },
        };
        (classifier, report)
    }
}
