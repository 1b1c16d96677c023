use headstart_engine::head::{Task, probabilities};
use headstart_trust::{LabelSets, PerLabelSets, TakeTensor, Temperature, TooFewPictures, Unknown};
use serde::{Deserialize, Serialize};

/// What a classifier knows of its own answers, learned from pictures that it had not learned from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Trust {
    /// What logits are divided by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    /// What sets of labels take, where pictures have one label each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sets: Option<LabelSets>,
    /// What sets of labels take, where pictures have any number of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_label_sets: Option<PerLabelSets>,
    /// What tells pictures of none of the classes. Serialised it is without its [tensors](Unknown::tensors).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

impl Trust {
    /// Whether nothing is known.
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

    /// Takes the tensors that it is serialised without by their names, and checks all of it: it may come from
    /// a file that was made or damaged elsewhere.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn with_tensors(
        mut self,
        features: usize,
        task: Task,
        classes: usize,
        take: &mut TakeTensor<'_>,
    ) -> Result<Self, String> {
        if let Some(unknown) = self.unknown {
            // Of any number of labels a picture may have none.
            let kinds = classes + usize::from(!task.is_single_label());
            self.unknown = Some(unknown.with_tensors(features, kinds, take)?);
        }
        self.check(task, classes)?;
        Ok(self)
    }

    /// What a file that was made or damaged elsewhere could have wrong.
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

/// Why there is no set of labels with a promise.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoLabelSet {
    /// A coverage that is not between 0 and 1.
    #[error("a coverage is between 0 and 1, and {0} is not")]
    Coverage(f64),
    /// Whoever trained the model had no such sets, or no pictures to learn them from.
    #[error(
        "the model does not know how often it is right: it was imported, or trained by an earlier version or without pictures to learn that from"
    )]
    NotLearned,
    /// It takes more pictures to promise so much.
    #[error(transparent)]
    TooFew(#[from] TooFewPictures),
    /// It takes more pictures of a label to promise so much of each.
    #[error("{few} of {label}")]
    TooFewOf {
        /// The label that lacks the most.
        label: String,
        /// How many there were, and how many it takes.
        few: TooFewPictures,
    },
}
