//! Label sets for multi-label samples: those that cannot be excluded, for each label separately, as in
//! class-conditional (Mondrian) conformal prediction (Vovk et al. 2005).

use serde::{Deserialize, Serialize};

use super::{TooFewPictures, are_sound, quantile, thin_out};

/// Computes label sets that contain each label of a multi-label sample with a given coverage.
///
/// The coverage is guaranteed for each label separately: of samples from the same distribution as those used for
/// fitting that have the label, a fraction of at least `coverage` has it in the set, even if its probabilities are
/// wrong and however rare it is. Dependencies between the labels of a sample are not used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerLabelSets {
    /// For each class, its negative probability for calibration samples that have it, ascending.
    pub scores: Vec<Vec<f32>>,
}

/// Maximum number of scores of a class; more would add no information.
const MOST_SCORES: usize = 1_000;

impl PerLabelSets {
    /// Whether this can be a result of [fitting](PerLabelSets::fit) to `classes` classes.
    pub fn is_sound(&self, classes: usize) -> bool {
        self.scores.len() == classes && self.scores.iter().all(|scores| are_sound(scores))
    }

    /// Fits to probabilities of samples not used for training, n x classes, and whether each has each class.
    ///
    /// # Panics
    /// When there is not an entry of `has` for each probability.
    pub fn fit(probabilities: &[f32], has: &[bool], classes: usize) -> Self {
        assert_eq!(probabilities.len(), has.len(), "whether each sample has each class");
        let of_class = |class: usize| {
            let all = probabilities.iter().zip(has).skip(class).step_by(classes);
            let mut scores: Vec<f32> = all.filter(|(_, has)| **has).map(|(p, _)| -p).collect();
            scores.sort_by(f32::total_cmp);
            thin_out(&mut scores, MOST_SCORES);
            scores
        };
        Self { scores: (0..classes).map(of_class).collect() }
    }

    /// Returns the classes that cannot be excluded if each is to be in the set of a fraction `coverage` of the samples
    /// that have it, from the probabilities of one sample, most probable first. There may be none.
    ///
    /// # Errors
    /// The class that lacks the most pictures for a guarantee.
    ///
    /// # Panics
    /// When `coverage` is not between 0 and 1.
    pub fn set(
        &self,
        probabilities: &[f32],
        coverage: f64,
    ) -> Result<Vec<usize>, (usize, TooFewPictures)> {
        let (mut set, mut short) = (Vec::new(), None::<(usize, TooFewPictures)>);
        for (class, (scores, p)) in self.scores.iter().zip(probabilities).enumerate() {
            match quantile(scores, coverage) {
                Ok(highest) if -p <= highest => set.push(class),
                Ok(_) => {}
                Err(few) if short.is_none_or(|(_, other)| few.found < other.found) => {
                    short = Some((class, few));
                }
                Err(_) => {}
            }
        }
        set.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        short.map_or(Ok(set), Err)
    }
}
