//! Quality of the ranking of samples by scores.

/// The average precision: the mean, over the samples of the class, of the precision at the threshold of their scores:
/// scikit-learn's `average_precision_score`. `None` for a class without samples.
pub fn average_precision(scores: &[f32], is_of_class: &[bool]) -> Option<f64> {
    let mut sum = 0.0;
    let mut before = 0;
    for Cut { taken, right, .. } in cuts(scores, is_of_class) {
        sum += (right - before) as f64 * (right as f64 / taken as f64);
        before = right;
    }
    (before > 0).then(|| sum / before as f64)
}

/// The threshold of the probability that maximises F1: the highest if several do, halfway to the next lower score, or
/// to 0 if there is none. `None` for a class without samples.
pub fn best_threshold(scores: &[f32], is_of_class: &[bool]) -> Option<f32> {
    let all = is_of_class.iter().filter(|is| **is).count();
    let cuts: Vec<Cut> = cuts(scores, is_of_class).collect();
    let f1 = |cut: &Cut| 2.0 * cut.right as f64 / (cut.taken + all) as f64;
    // The last of equal ones is returned.
    let best = (0..cuts.len()).rev().max_by(|&a, &b| f1(&cuts[a]).total_cmp(&f1(&cuts[b])))?;
    let score = cuts[best].score;
    let next = cuts.get(best + 1).map_or(0.0, |next| next.score);
    let between = score / 2.0 + next / 2.0;
    (all > 0).then_some(if between > next { between } else { score })
}

/// The samples with at least a given score.
struct Cut {
    score: f32,
    taken: usize,
    /// The number of these samples that are of the class.
    right: usize,
}

/// The cuts at each distinct score, in descending order.
fn cuts(scores: &[f32], is_of_class: &[bool]) -> impl Iterator<Item = Cut> {
    let mut ranked: Vec<(f32, bool)> =
        scores.iter().copied().zip(is_of_class.iter().copied()).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut at, mut right) = (0, 0);
    std::iter::from_fn(move || {
        let score = ranked.get(at)?.0;
        while let Some(&(_, is)) = ranked.get(at).filter(|(other, _)| *other == score) {
            (at, right) = (at + 1, right + usize::from(is));
        }
        Some(Cut { score, taken: at, right })
    })
}
