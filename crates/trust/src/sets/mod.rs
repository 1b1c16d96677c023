//! Label sets with guaranteed coverage: split conformal prediction.

mod adaptive;
mod per_label;

pub use adaptive::LabelSets;
pub use per_label::PerLabelSets;

/// There are too few calibration pictures to guarantee this coverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this promise needs {needed} pictures that were not learned from; {found} were available, {} are missing",
    needed - found
)]
pub struct TooFewPictures {
    /// The number available.
    pub found: usize,
    /// The number required.
    pub needed: usize,
}

/// Keeps `most` scores, evenly spaced among all and including the highest.
fn thin_out(scores: &mut Vec<f32>, most: usize) {
    let count = scores.len();
    if count > most {
        // So that the k-th kept score is at the same fraction of one more than their number as before.
        let at = |kept: usize| ((kept + 1) * (count + 1)).div_ceil(most + 1).min(count) - 1;
        *scores = (0..most).map(|kept| scores[at(kept)]).collect();
    }
}

/// The score, among these in ascending order, that a new one does not exceed with probability `coverage`.
///
/// # Panics
/// When `coverage` is not between 0 and 1.
fn quantile(scores: &[f32], coverage: f64) -> Result<f32, TooFewPictures> {
    assert!(coverage > 0.0 && coverage < 1.0, "a coverage is between 0 and 1");
    let found = scores.len();
    let rank = ((found + 1) as f64 * coverage).ceil() as usize;
    let needed = (coverage / (1.0 - coverage) - 1e-9).ceil() as usize;
    match rank <= found {
        true => Ok(scores[rank.max(1) - 1]),
        false => Err(TooFewPictures { found, needed: needed.max(found + 1) }),
    }
}

/// Whether these are numbers in ascending order.
fn are_sound(scores: &[f32]) -> bool {
    scores.iter().all(|score| score.is_finite()) && scores.is_sorted()
}
