use serde::{Deserialize, Serialize};

/// The kind of decision that a head makes about a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Exactly one class per sample. Probabilities add up to 1.
    #[default]
    SingleLabel,
    /// Any number of classes per sample, none included. Each class has an independent probability, the sigmoid of its
    /// logit.
    MultiLabel,
}

impl Task {
    /// The number of logits for `classes`: 1 for two exclusive classes.
    pub fn units(self, classes: usize) -> usize {
        match self {
            Self::SingleLabel if classes == 2 => 1,
            _ => classes,
        }
    }

    /// The minimum number of classes.
    pub fn fewest_classes(self) -> usize {
        match self {
            Self::SingleLabel => 2,
            Self::MultiLabel => 1,
        }
    }

    /// The number of decisions per sample that are right or wrong: 1, or one for each class.
    pub fn decisions(self, classes: usize) -> usize {
        match self {
            Self::SingleLabel => 1,
            Self::MultiLabel => classes,
        }
    }

    /// Whether each sample has exactly one class, the default for models that do not specify a task.
    pub fn is_single_label(&self) -> bool {
        *self == Self::SingleLabel
    }
}
