//! Metrics of the separation of unknown from known pictures.

use serde::{Deserialize, Serialize};

/// Metrics of the separation of unknown from known pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnknownFigures {
    /// The area under the ROC curve: the probability that an unknown picture has a higher score than a known one; ties
    /// count half.
    pub auroc: f64,
    /// The fraction of known pictures rejected at the threshold that rejects 95 % of unknown ones.
    pub fpr95: f64,
}

impl UnknownFigures {
    /// Computes the metrics from the scores of both. `None` if either is empty.
    pub fn of(known: &[f32], unknown: &[f32]) -> Option<Self> {
        if known.is_empty() || unknown.is_empty() {
            return None;
        }
        let mut sorted = known.to_vec();
        sorted.sort_by(f32::total_cmp);
        let below = |score: f32| {
            let less = sorted.partition_point(|&other| other < score);
            let up_to = sorted.partition_point(|&other| other <= score);
            (less + up_to) as f64 / 2.0
        };
        let wins: f64 = unknown.iter().map(|&score| below(score)).sum();
        let mut descending = unknown.to_vec();
        descending.sort_by(|a, b| b.total_cmp(a));
        let at = (0.95 * unknown.len() as f64 - 1e-9).ceil() as usize;
        let threshold = descending[at.max(1) - 1];
        let above = known.iter().filter(|&&score| score >= threshold).count();
        Some(Self {
            auroc: wins / (known.len() * unknown.len()) as f64,
            fpr95: above as f64 / known.len() as f64,
        })
    }
}
