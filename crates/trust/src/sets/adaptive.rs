//! Label sets for single-label samples: the regularised adaptive score, RAPS (Angelopoulos et al. 2021), which without
//! its penalty is APS (Romano et al. 2020).

use serde::{Deserialize, Serialize};

use super::{TooFewPictures, are_sound, quantile, thin_out};

/// Computes label sets that contain the right label with a given coverage, for single-label samples.
///
/// The coverage is guaranteed on average over samples from the same distribution as those used for fitting, even if the
/// probabilities are wrong. A set has at least one label: if the most probable class is correct more often than
/// required, the coverage is higher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelSets {
    /// The scores of the correct classes of calibration samples, ascending: the probability of all more probable
    /// classes, a random part of their own, and the penalty.
    pub scores: Vec<f32>,
    /// The penalty of each class after the first [`LabelSets::unpenalised`].
    pub penalty: f32,
    /// The number of most probable classes without penalty.
    pub unpenalised: usize,
}

/// Candidate penalties, compared by the size of sets.
const PENALTIES: [f32; 6] = [0.0, 0.001, 0.01, 0.1, 0.2, 0.5];
/// Minimum number of samples; with fewer, the choice would be random.
const ENOUGH_TO_CHOOSE: usize = 200;
/// The coverage at which sizes are compared.
const COMPARED_AT: f64 = 0.9;
/// Maximum number of scores; more would add no information.
const MOST_SCORES: usize = 2_000;

impl LabelSets {
    /// Whether this can be a result of [fitting](LabelSets::fit): scores are numbers in ascending order.
    pub fn is_sound(&self) -> bool {
        self.penalty.is_finite() && self.penalty >= 0.0 && are_sound(&self.scores)
    }

    /// Fits to probabilities of samples not used for training, n x classes, and their labels. The penalty is the one
    /// that gives the smallest sets.
    ///
    /// # Panics
    /// When there are not `classes` probabilities for each label, or a label is not a class.
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

    /// Returns the smallest set of classes that contains the right one with probability `coverage`, from the
    /// probabilities of one sample, most probable first.
    ///
    /// # Errors
    /// When there were too few pictures for a guarantee.
    ///
    /// # Panics
    /// When `coverage` is not between 0 and 1.
    pub fn set(&self, probabilities: &[f32], coverage: f64) -> Result<Vec<usize>, TooFewPictures> {
        let highest = quantile(&self.scores, coverage)?;
        let within = self.ranked(probabilities).into_iter().enumerate();
        let within = within.take_while(|(rank, (_, score))| *rank == 0 || *score <= highest);
        Ok(within.map(|(_, (class, _))| class).collect())
    }

    /// The classes, most probable first, with their scores: the probability of all before it, a random part of its own,
    /// and the penalty.
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

/// A pseudorandom number in `0..1` that depends only on the picture: without it, sets would be larger and their
/// coverage higher than required.
fn drawn(probabilities: &[f32]) -> f64 {
    // SplitMix64 (Steele et al. 2014), fed with one value after another.
    let mut state = 0_u64;
    for p in probabilities {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from(p.to_bits()));
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 31;
    }
    (state >> 11) as f64 / (1_u64 << 53) as f64
}
