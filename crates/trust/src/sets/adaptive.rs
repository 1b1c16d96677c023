//! Of samples with one label each: the regularised adaptive score, RAPS (Angelopoulos et al. 2021), which
//! without its penalty is APS (Romano et al. 2020).

use serde::{Deserialize, Serialize};

use super::{TooFewPictures, are_sound, quantile, thin_out};

/// Makes sets of labels that contain the right one as often as promised, of samples with one class
/// each.
///
/// The promise holds on average over samples like those that it was fitted on, however wrong the
/// probabilities are. A set has at least one label: where the likeliest class is right more often than is
/// promised, that is kept better than promised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelSets {
    /// How far down the right classes of samples not learned from lie: the probability of all that are
    /// likelier, a part of their own, and the penalty; ascending.
    pub scores: Vec<f32>,
    /// What each class beyond the first [`LabelSets::unpenalised`] costs.
    pub penalty: f32,
    /// How many of the likeliest classes cost nothing more.
    pub unpenalised: usize,
}

/// Penalties that the size of sets is compared with.
const PENALTIES: [f32; 6] = [0.0, 0.001, 0.01, 0.1, 0.2, 0.5];
/// With fewer samples the choice would be chance.
const ENOUGH_TO_CHOOSE: usize = 200;
/// What sizes are compared at.
const COMPARED_AT: f64 = 0.9;
/// More scores than this would tell nothing new.
const MOST_SCORES: usize = 2_000;

impl LabelSets {
    /// Whether this can have been [fitted](LabelSets::fit): scores are numbers in ascending order.
    pub fn is_sound(&self) -> bool {
        self.penalty.is_finite() && self.penalty >= 0.0 && are_sound(&self.scores)
    }

    /// From probabilities of samples that were not learned from, n x classes, and their labels. The
    /// penalty is the one that makes the smallest sets.
    ///
    /// # Panics
    /// When there are not `classes` probabilities for each label, or a label is no class.
    pub fn fit(probabilities: &[f32], labels: &[usize], classes: usize) -> Self {
        assert_eq!(probabilities.len(), labels.len() * classes, "probabilities for each label");
        let rows = || probabilities.chunks_exact(classes.max(1));
        let with = |penalty: f32, unpenalised: usize| {
            let mut sets = Self { scores: Vec::new(), penalty, unpenalised };
            let score = |(row, &label): (&[f32], &usize)| {
                let ranked = sets.ranked(row);
                let own = ranked.iter().find(|(class, _)| *class == label);
                own.expect("labels are classes").1
            };
            let mut scores: Vec<f32> = rows().zip(labels).map(score).collect();
            scores.sort_by(f32::total_cmp);
            sets.scores = scores;
            sets
        };
        let size = |sets: &Self| -> usize {
            let sizes =
                rows().map(|row| sets.set(row, COMPARED_AT).map_or(classes, |set| set.len()));
            sizes.sum()
        };
        let mut best = with(0.0, 1);
        if labels.len() >= ENOUGH_TO_CHOOSE {
            let mut smallest = size(&best);
            for unpenalised in [1, 2, 4].into_iter().filter(|&count| count < classes) {
                for penalty in &PENALTIES[1..] {
                    let other = with(*penalty, unpenalised);
                    let other_size = size(&other);
                    if other_size < smallest {
                        (best, smallest) = (other, other_size);
                    }
                }
            }
        }
        thin_out(&mut best.scores, MOST_SCORES);
        best
    }

    /// The smallest set of classes that contains the right one in a share `coverage` of cases, from the
    /// probabilities of one sample, the likeliest first.
    ///
    /// # Errors
    /// When there were too few pictures to promise it.
    ///
    /// # Panics
    /// When `coverage` is not between 0 and 1.
    pub fn set(&self, probabilities: &[f32], coverage: f64) -> Result<Vec<usize>, TooFewPictures> {
        let highest = quantile(&self.scores, coverage)?;
        let within = self.ranked(probabilities).into_iter().enumerate();
        let within = within.take_while(|(rank, (_, score))| *rank == 0 || *score <= highest);
        Ok(within.map(|(_, (class, _))| class).collect())
    }

    /// The classes, the likeliest first, and how far down each lies: the probability of all before it
    /// and a random part of its own, and the penalty.
    fn ranked(&self, probabilities: &[f32]) -> Vec<(usize, f32)> {
        let part = drawn(probabilities);
        let mut ranked: Vec<(usize, f32)> = probabilities.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut before = 0.0;
        for (rank, (_, score)) in ranked.iter_mut().enumerate() {
            let own = f64::from(*score);
            let beyond = (rank + 1).saturating_sub(self.unpenalised) as f64;
            *score = (before + part * own + f64::from(self.penalty) * beyond) as f32;
            before += own;
        }
        ranked
    }
}

/// A number in `0..1` that looks drawn, and is always the same for the same picture: the score without it
/// would promise more than was asked for, with sets that are larger.
fn drawn(probabilities: &[f32]) -> f64 {
    // SplitMix64 (Steele et al. 2014), fed with one value after the other.
    let mut state = 0_u64;
    for p in probabilities {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from(p.to_bits()));
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
    }
    (state >> 11) as f64 / (1_u64 << 53) as f64
}
