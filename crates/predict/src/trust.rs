use headstart_engine::head::{Task, probabilities};
use headstart_trust::{LabelSets, PerLabelSets, TakeTensor, Temperature, TooFewPictures, Unknown};
use serde::{Deserialize, Serialize};

/// Calibration data of a classifier's answers, learned from pictures not used for its training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Trust {
    /// The temperature by which logits are divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    /// The data for label sets of single-label models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sets: Option<LabelSets>,
    /// The data for label sets of multi-label models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_label_sets: Option<PerLabelSets>,
    /// The detector of pictures of none of the classes. It is serialised without its [tensors](Unknown::tensors).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

impl Trust {
    /// Whether there is no data.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Calibrated probabilities, n x classes, from logits n x units.
    pub fn probabilities(&self, mut logits: Vec<f32>, task: Task, classes: usize) -> Vec<f32> {
        if let Some(temperature) = &self.temperature {
            temperature.apply(&mut logits);
        }
        probabilities(&logits, task, classes)
    }

    /// Adds the tensors, by name, that were serialised separately, and checks everything, as the file may be crafted or
    /// damaged.
    ///
    /// # Errors
    /// A description of the problem.
    pub fn with_tensors(
        mut self,
        features: usize,
        task: Task,
        classes: usize,
        take: &mut TakeTensor<'_>,
    ) -> Result<Self, String> {
        if let Some(unknown) = self.unknown {
            // In a multi-label task, a picture may be of no class.
            let kinds = classes + usize::from(!task.is_single_label());
            self.unknown = Some(unknown.with_tensors(features, kinds, take)?);
        }
        self.check(task, classes)?;
        Ok(self)
    }

    /// Checks for errors that a crafted or damaged file may contain.
    pub(crate) fn check(&self, task: Task, classes: usize) -> Result<(), String> {
        let is_temperature = |temperature: &Temperature| {
            Temperature::new(temperature.values().to_vec(), task, classes).is_some()
        };
        if !self.temperature.as_ref().is_none_or(is_temperature) {
            return Err("its temperature is not a positive number for each logit".to_owned());
        }
        let is_whole = |unknown: &Unknown| unknown.is_complete(task);
        if !self.unknown.as_ref().is_none_or(is_whole) {
            return Err("its score for unknown pictures is damaged".to_owned());
        }
        let of_one_label = |sets: &LabelSets| task.is_single_label() && sets.is_sound();
        let of_labels = |sets: &PerLabelSets| !task.is_single_label() && sets.is_sound(classes);
        let sound = self.sets.as_ref().is_none_or(of_one_label)
            && self.per_label_sets.as_ref().is_none_or(of_labels);
        match sound {
            true => Ok(()),
            false => Err("its scores for sets of labels are not ascending numbers".to_owned()),
        }
    }
}

/// The reason why there is no label set with guaranteed coverage.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoLabelSet {
    /// A coverage that is not between 0 and 1.
    #[error("the coverage is {0}; it must be between 0 and 1")]
    Coverage(f64),
    /// The model has no label sets: they were not computed, or there were no pictures to learn them from.
    #[error(
        "the model has no coverage data: it was imported, trained by an earlier version, or without pictures to learn it from"
    )]
    NotLearned,
    /// This coverage requires more pictures.
    #[error(transparent)]
    TooFew(#[from] TooFewPictures),
    /// This coverage for each label requires more pictures of a label.
    #[error("{few} of {label}")]
    TooFewOf {
        /// The label that lacks the most.
        label: String,
        /// The numbers of pictures available and required.
        few: TooFewPictures,
    },
}
