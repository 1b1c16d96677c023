use serde::{Deserialize, Serialize};

use super::losses::Loss;

/// What a head says of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Which class it is of: one of them. Probabilities add up to 1.
    #[default]
    SingleLabel,
    /// Of each class, whether it is of that: any number of them, none included. Each class has a
    /// probability of its own, a sigmoid of its logit.
    MultiLabel,
}

impl Task {
    /// The loss for so many classes.
    pub fn loss(self, classes: usize) -> Loss {
        match self {
            Self::SingleLabel => Loss::of(classes),
            Self::MultiLabel => Loss::BinaryCrossentropy { units: classes },
        }
    }

    /// The fewest classes that there is anything to say of.
    pub fn fewest_classes(self) -> usize {
        match self {
            Self::SingleLabel => 2,
            Self::MultiLabel => 1,
        }
    }

    /// What is right or wrong of each sample: the class, or for each class whether it is of that.
    pub(crate) fn decisions(self, classes: usize) -> usize {
        match self {
            Self::SingleLabel => 1,
            Self::MultiLabel => classes,
        }
    }

    /// Whether there is one class to each sample, as in models that say nothing of it.
    pub fn is_single_label(&self) -> bool {
        *self == Self::SingleLabel
    }
}
