use serde::{Deserialize, Serialize};

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
    /// The number of logits for so many classes: 1 for two of which one is right.
    pub fn units(self, classes: usize) -> usize {
        match self {
            Self::SingleLabel if classes == 2 => 1,
            _ => classes,
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
    pub fn decisions(self, classes: usize) -> usize {
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
