//! Of samples with any number of labels: those that cannot be excluded, each label for itself, as in
//! class-conditional (Mondrian) conformal prediction (Vovk et al. 2005).

use serde::{Deserialize, Serialize};

use super::{TooFewPictures, are_sound, quantile, thin_out};

/// Makes sets of labels, of samples with any number of them, in which each label of a sample is as often
/// as promised.
///
/// The promise holds for each label by itself: of samples like those that it was fitted on and that have
/// the label, a share of at least `coverage` has it in the set, however wrong its probabilities and
/// however rare it is. What the labels of one sample have to do with each other is not used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerLabelSets {
    /// Of each class, its negative probability for samples that have it and were not learned from;
    /// ascending.
    pub scores: Vec<Vec<f32>>,
}

/// More scores of a class than this would tell nothing new.
const MOST_SCORES: usize = 1_000;

impl PerLabelSets {
    /// Whether this can have been [fitted](PerLabelSets::fit) to so many classes.
    pub fn is_sound(&self, classes: usize) -> bool {
        self.scores.len() == classes && self.scores.iter().all(|scores| are_sound(scores))
    }

    /// From probabilities of samples that were not learned from, n x classes, and whether each has each
    /// class.
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

    /// The classes that cannot be excluded if each is to be in the set of a share `coverage` of the
    /// samples that have it, from the probabilities of one sample, the likeliest first. There may be
    /// none.
    ///
    /// # Errors
    /// The class of which the most pictures are missing to promise it.
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
