//! Calibration of a score on pictures not used for training.

use std::collections::HashSet;

use super::learned::Learned;
use super::vectors::spread;
use super::{Scaled, ScorePart, Seen, Unknown};

/// Pictures on which a score is calibrated, with logits of heads not trained on them.
#[derive(Clone, Copy, Debug)]
pub struct Unseen<'a> {
    /// n x dim.
    pub features: &'a [f32],
    /// n x units.
    pub logits: &'a [f32],
    /// The group of each picture: data learned from pictures of the same group is not used for it. `None` if no
    /// training picture shares a group with these.
    pub groups: Option<&'a [usize]>,
    /// The number of pictures, at the end, that no head was trained on. The logits of all others come from heads
    /// trained on fewer pictures, which are less confident.
    pub held_out: usize,
}

/// Minimum number of pictures to measure how much less confident heads of fewer pictures are.
const ENOUGH_OF_ALL: usize = 20;

/// Parts of the training pictures are left out in turn, for pictures of the same part.
pub(super) const FOLDS: usize = 5;

impl Unknown {
    /// Learns the distribution of the parts over pictures not used for training, and the threshold that rejects a
    /// fraction `rate` of them; if there are too few for such a small fraction, none is rejected. A part with the same
    /// value for all carries no information and is left out. `None` without pictures.
    ///
    /// # Panics
    /// When there are not `dim` features for each picture, or numbers of logits differ, more are held out than there
    /// are, or the rate is not in `0..1`.
    pub fn fit(
        parts: &[ScorePart],
        seen: &Seen<'_>,
        unseen: &Unseen<'_>,
        rate: f64,
    ) -> Option<Self> {
        let n = unseen.features.len() / seen.dim;
        assert_eq!(unseen.features.len(), n * seen.dim, "features of each picture");
        let units = unseen.logits.len().checked_div(n)?;
        if seen.labels.is_empty() {
            return None;
        }
        let learned = Learned::new(parts, seen);
        assert!(unseen.held_out <= n, "the last of the pictures are held out");
        let seen_groups: HashSet<usize> = seen.groups.iter().copied().collect();
        let is_seen: Vec<bool> = match unseen.groups {
            Some(groups) => groups.iter().map(|group| seen_groups.contains(group)).collect(),
            None => vec![false; n],
        };
        // Neighbours of the same group can be left out; data learned from all pictures together cannot.
        let is_of_all =
            |part: &ScorePart| matches!(part, ScorePart::ClassDistance | ScorePart::Residual);
        let of_all: Vec<ScorePart> = parts.iter().copied().filter(is_of_all).collect();
        let without = |fold: usize| {
            let rest = seen.filtered(|row| fold != self::fold(seen.groups[row]));
            (!rest.labels.is_empty()).then(|| Learned::new(&of_all, &rest.borrowed()))
        };
        let rests: Vec<Option<Learned>> = match unseen.groups {
            Some(_) if !of_all.is_empty() && is_seen.contains(&true) => {
                (0..FOLDS).map(without).collect()
            }
            _ => vec![None; FOLDS],
        };
        let value = |part: ScorePart, row: usize| {
            let features = &unseen.features[row * seen.dim..][..seen.dim];
            let own_fold = unseen.groups.filter(|_| is_seen[row] && is_of_all(&part));
            let rest = own_fold.and_then(|groups| rests[fold(groups[row])].as_ref());
            let except = unseen.groups.map(|groups| groups[row]);
            let of_same = |other: usize, _| except == Some(seen.groups[other]);
            let logits = &unseen.logits[row * units..][..units];
            rest.unwrap_or(&learned).value(part, features, logits, &of_same)
        };
        let values: Vec<(ScorePart, Vec<f32>)> = parts
            .iter()
            .map(|&part| {
                let mut values: Vec<f32> = (0..n).map(|row| value(part, row)).collect();
                match part {
                    ScorePart::Margin | ScorePart::Energy | ScorePart::JointEnergy => {
                        level(&mut values, |row| row >= n - unseen.held_out);
                    }
                    ScorePart::ClassDistance | ScorePart::Residual => {
                        level(&mut values, |row| !is_seen[row]);
                    }
                    ScorePart::Neighbours => {}
                }
                (part, values)
            })
            .collect();
        let mut unknown = Self { parts: Vec::new(), threshold: 0.0, rate: 0.0, learned };
        let mut scores = vec![0.0; n];
        for (part, values) in values {
            let (mean, deviation) = spread(&values);
            // Rounding errors are not a difference.
            if deviation.is_finite() && deviation > 1e-6 * (1.0 + mean.abs()) {
                let scaled = Scaled { part, mean, deviation };
                scores.iter_mut().zip(&values).for_each(|(sum, value)| *sum += scaled.of(*value));
                unknown.parts.push(scaled);
            }
        }
        let kept: Vec<ScorePart> = unknown.parts().collect();
        unknown.learned.keep_only(&kept);
        unknown.set_threshold(scores, rate);
        Some(unknown)
    }
}

/// Shifts values from heads or directions of fewer pictures to the mean of those from all, as indicated by `is_of_all`:
/// otherwise fewer would be rejected than required.
fn level(values: &mut [f32], is_of_all: impl Fn(usize) -> bool) {
    let of = |all: bool| -> Vec<f32> {
        let rows = values.iter().enumerate().filter(|(row, _)| is_of_all(*row) == all);
        rows.map(|(_, value)| *value).collect()
    };
    let (all, fewer) = (of(true), of(false));
    if all.len() >= ENOUGH_OF_ALL && !fewer.is_empty() {
        let shift = spread(&all).0 - spread(&fewer).0;
        let rows = values.iter_mut().enumerate().filter(|(row, _)| !is_of_all(*row));
        rows.for_each(|(_, value)| *value += shift);
    }
}

/// The part of the training pictures that a group belongs to.
pub(super) fn fold(group: usize) -> usize {
    // Group numbers follow the order of pictures; the multiplication removes their correlation with classes.
    ((group as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % FOLDS
}
