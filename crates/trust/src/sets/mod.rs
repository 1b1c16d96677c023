//! Sets of labels that contain the right ones as often as promised: split conformal prediction.

mod adaptive;
mod per_label;

pub use adaptive::LabelSets;
pub use per_label::PerLabelSets;

/// There are too few pictures that were not learned from to promise so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "to promise this takes {needed} pictures that were not learned from, and there were {found}: {} are missing",
    needed - found
)]
pub struct TooFewPictures {
    /// How many there were.
    pub found: usize,
    /// How many it takes.
    pub needed: usize,
}

/// Keeps `most` scores that are evenly spread among all, the highest with them.
fn thin_out(scores: &mut Vec<f32>, most: usize) {
    let count = scores.len();
    if count > most {
        // So that the k-th of the kept is at the same share of one more than all.
        let at = |kept: usize| ((kept + 1) * (count + 1)).div_ceil(most + 1).min(count) - 1;
        *scores = (0..most).map(|kept| scores[at(kept)]).collect();
    }
}

/// The score, of these in ascending order, that one more does not exceed in a share `coverage` of cases.
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
