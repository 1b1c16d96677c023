//! How a model was trained, as recorded in its file.

use headstart_data::Augment;
use headstart_data::sources::ColumnNames;
use headstart_train::{Epoch, FineTuneConfig, Trial};
use serde::{Deserialize, Serialize};

use super::{CrossValidation, Evaluation, HeadConfig, Seen};
use crate::{Effort, WeightsRecord};

/// The record of how a model was trained, in its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    /// Origin, labels and split of the pictures.
    #[serde(flatten)]
    pub origin: Origin,
    /// The weights that the base started from; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsRecord>,
    /// The weights of further bases, whose features follow those of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_weights: Vec<Option<WeightsRecord>>,
    /// The effort of the job.
    #[serde(default, skip_serializing_if = "Effort::is_fast")]
    pub effort: Effort,
    /// The number of pictures trained on.
    pub train: usize,
    /// The number of pictures trained on per class, in the model's order; empty in files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train_per_class: Vec<usize>,
    /// Paths of the held-back pictures, relative to the folder.
    pub validation: Vec<String>,
    /// All pictures that the model has seen in training its head and its base; `None` in files of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// How the head was fitted.
    pub head: HeadConfig,
    /// How pictures were augmented.
    #[serde(default)]
    pub augment: Augment,
    /// The number of views per picture, if pictures were augmented.
    #[serde(default)]
    pub views: usize,
    /// The regularisation strength C, if it was chosen on the data.
    pub strength: Option<f64>,
    /// The strengths that were tried on pictures set aside for this purpose, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<Trial>,
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// Metrics on the held-back pictures.
    pub metrics: Option<Evaluation>,
    /// Results of cross-validation, if requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<CrossValidation>,
    /// How the base was fine-tuned, if it was. The metrics above are then those after fine-tuning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fine_tune: Option<FineTuneRecord>,
}

/// The origin of a model's pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The absolute path of the folder of pictures or of the file that lists them; in files of earlier
    /// versions, the path as it was given.
    pub pictures: String,
    /// The regular expression that extracted labels from paths, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_from: Option<String>,
    /// The regular expression that extracted groups from paths, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_from: Option<String>,
    /// The columns of a table that were specified.
    #[serde(default, skip_serializing_if = "ColumnNames::is_empty")]
    pub columns: ColumnNames,
    /// How the held-back pictures were chosen; `None` in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitRecord>,
}

/// How the held-back pictures were chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum SplitRecord {
    /// A share of each class was held back.
    Share {
        /// The share.
        share: f64,
        /// The seed that decided which.
        seed: u64,
    },
    /// The source or earlier training specified the held-back pictures. Of pictures new to earlier training, a
    /// share was held back.
    Given,
    /// Each picture was held back in one fold; the model was trained on all.
    Folds {
        /// The number of folds.
        count: usize,
        /// The seed of the assignment to folds.
        seed: u64,
    },
}

/// The metrics of an epoch. Its duration is left out, so that the same training gives the same file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The number of the epoch, counted from 1.
    pub epoch: usize,
    /// Mean loss over the batches.
    pub loss: f64,
    /// Accuracy over the batches.
    pub accuracy: f64,
    /// Loss on the held-back pictures.
    pub val_loss: Option<f64>,
    /// Accuracy on the held-back pictures.
    pub val_accuracy: Option<f64>,
}

impl From<&Epoch> for EpochRecord {
    fn from(epoch: &Epoch) -> Self {
        let &Epoch { epoch, loss, accuracy, val_loss, val_accuracy, .. } = epoch;
        Self { epoch, loss, accuracy, val_loss, val_accuracy }
    }
}

/// The record of how a base was fine-tuned, in the model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FineTuneRecord {
    /// The first layer that was trained.
    pub first_layer: String,
    /// The options.
    pub options: FineTuneConfig,
    /// How pictures were augmented.
    pub augment: Augment,
    /// The number of views per picture, if pictures were augmented.
    pub views: usize,
    /// The number of pictures trained on.
    pub train: usize,
    /// The number of pictures trained on per class, in the model's order; empty in files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub train_per_class: Vec<usize>,
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights were kept, if early stopping chose it.
    pub best_epoch: Option<usize>,
}
