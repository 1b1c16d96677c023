//! How a model came about, as its file tells.

use headstart_data::Augment;
use headstart_data::sources::ColumnNames;
use headstart_train::{Epoch, FineTuneConfig, Trial};
use serde::{Deserialize, Serialize};

use super::{CrossValidation, Evaluation, HeadConfig, Seen};
use crate::{Effort, WeightsRecord};

/// What a model file tells of how the model came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Where the pictures are, and how they were labelled and divided.
    #[serde(flatten)]
    pub origin: Origin,
    /// Which weights the base began with; not known of files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsRecord>,
    /// The same of further bases, whose features follow those of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_weights: Vec<Option<WeightsRecord>>,
    /// How much work went into it.
    #[serde(default, skip_serializing_if = "Effort::is_fast")]
    pub effort: Effort,
    /// Pictures learned from.
    pub train: usize,
    /// The same of each class, in the model's order; not known of files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train_per_class: Vec<usize>,
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
    /// The strengths that were tried on pictures left out for it, in the order they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<Trial>,
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

/// What a model file tells of how its base was fine-tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FineTuneRecord {
    /// The first layer that trained.
    pub first_layer: String,
    /// The options.
    pub options: FineTuneConfig,
    /// How pictures were varied.
    pub augment: Augment,
    /// Views of each picture, where they were.
    pub views: usize,
    /// Pictures learned from.
    pub train: usize,
    /// The same of each class, in the model's order; not known of files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train_per_class: Vec<usize>,
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were taken, where early stopping chose it.
    pub best_epoch: Option<usize>,
}
