//! The parts of the score.

use serde::{Deserialize, Serialize};

use super::{Seen, class_distance, residual};

/// A part of the score that detects pictures of none of the classes; higher values mean more likely unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScorePart {
    /// 1 minus the mean cosine similarity to the nearest training pictures (Sun et al. 2022).
    Neighbours,
    /// The second highest logit minus the highest.
    Margin,
    /// The negative logarithm of the sum of the logits' exponentials (Liu et al. 2020).
    Energy,
    /// The multi-label equivalent: the negative sum over the labels of the logarithm of 1 + e^logit (Wang et al. 2021).
    JointEnergy,
    /// The Mahalanobis distance from the nearest class, with a shared covariance (Lee et al. 2018), of low rank and on
    /// features of unit length.
    ClassDistance,
    /// The length of the features outside the space of largest variation, with each feature in units of its standard
    /// deviation (ViM's residual, Wang et al. 2022; its energy is a separate part).
    Residual,
}

impl ScorePart {
    /// The parts for single-label models.
    pub const ALL: [Self; 5] =
        [Self::Neighbours, Self::Margin, Self::Energy, Self::ClassDistance, Self::Residual];

    /// The number of feature-length vectors that a model of `classes` classes stores for it, two bytes per value,
    /// besides training pictures.
    pub fn vectors(self, classes: usize) -> usize {
        match self {
            Self::Neighbours | Self::Margin | Self::Energy | Self::JointEnergy => 0,
            // One additional mean is for pictures of no class.
            Self::ClassDistance => class_distance::DIRECTIONS + classes + 1,
            // Two four-byte numbers for each feature.
            Self::Residual => residual::PRINCIPAL + 4,
        }
    }

    /// The part that replaces it in multi-label models.
    pub(super) fn of(self, seen: &Seen<'_>) -> Self {
        match (self, seen.label_sets) {
            (Self::Margin | Self::Energy, Some(_)) => Self::JointEnergy,
            (other, _) => other,
        }
    }
}
