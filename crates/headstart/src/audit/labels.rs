//! Labels that are probably wrong, by confident learning (Northcutt, Jiang & Chuang, "Confident
//! Learning: Estimating Uncertainty in Dataset Labels", JAIR 2021).

/// Which probable label errors are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LabelErrors {
    /// Only those confirmed by neighbours: high precision.
    #[default]
    Clear,
    /// All that confident learning finds: higher recall, but many false positives.
    All,
}

/// Tolerance for rounding errors of probabilities.
const ROUNDING: f64 = 1e-6;

/// A picture whose label is probably wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LabelError {
    pub(super) picture: usize,
    /// The class that is probably right.
    pub(super) class: usize,
    /// The probability of that class minus the probability of the label, from -1 to 1.
    pub(super) margin: f32,
}

/// The pictures off the diagonal of the confident joint, those with the largest margin first. Probabilities are
/// `[n][classes]`, from heads that were not trained on the picture.
///
/// The threshold of a class is the mean probability of the class among pictures with this label. A class is
/// likely for a picture if its probability reaches the threshold. A picture counts as the likely class, or as
/// the likeliest one if there are several. It is off the diagonal if neither that class nor the likeliest is
/// its label.
pub(super) fn label_errors(
    probabilities: &[f32],
    labels: &[usize],
    classes: usize,
) -> Vec<LabelError> {
    let thresholds = self_confidence(probabilities, labels, classes);
    let mut errors: Vec<LabelError> = probabilities
        .chunks_exact(classes)
        .zip(labels)
        .enumerate()
        .filter_map(|(picture, (row, &label))| {
            let class = (0..classes).rev().max_by(|&a, &b| row[a].total_cmp(&row[b]))?;
            let is_likely = |&class: &usize| f64::from(row[class]) >= thresholds[class] - ROUNDING;
            let likely: Vec<usize> = (0..classes).filter(is_likely).collect();
            let counts_as = match likely[..] {
                [] => return None,
                [only] => only,
                _ => class,
            };
            let margin = row[class] - row[label];
            let is_off = counts_as != label && class != label;
            is_off.then_some(LabelError { picture, class, margin })
        })
        .collect();
    errors.sort_by(|a, b| b.margin.total_cmp(&a.margin).then(a.picture.cmp(&b.picture)));
    errors
}

/// The mean probability of each label among the pictures that have it; unreachable for labels without pictures.
fn self_confidence(probabilities: &[f32], labels: &[usize], classes: usize) -> Vec<f64> {
    let (mut sums, mut counts) = (vec![0.0; classes], vec![0usize; classes]);
    for (row, &label) in probabilities.chunks_exact(classes).zip(labels) {
        sums[label] += f64::from(row[label]);
        counts[label] += 1;
    }
    let mean = |(sum, count): (f64, usize)| if count == 0 { 2.0 } else { sum / count as f64 };
    sums.into_iter().zip(counts).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// A case of the fixture made by `tools/reference/confident_learning.py`.
    #[derive(Deserialize)]
    struct Case {
        classes: usize,
        labels: Vec<usize>,
        probabilities: Vec<f32>,
        issues: Vec<usize>,
        margins: Vec<f32>,
    }

    #[test]
    fn probable_errors_and_their_margins_are_those_of_cleanlab() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../../fixtures/confident_learning.json"))
                .unwrap();
        for case in cases {
            let found = label_errors(&case.probabilities, &case.labels, case.classes);
            assert!(found.is_sorted_by(|a, b| a.margin >= b.margin));
            for error in &found {
                // The reference margin is 0 for a wrong label and 1 for a right one.
                let margin = (1.0 - error.margin) / 2.0;
                assert!((margin - case.margins[error.picture]).abs() < 1e-5);
            }
            let mut pictures: Vec<usize> = found.iter().map(|error| error.picture).collect();
            pictures.sort_unstable();
            assert_eq!(pictures, case.issues);
        }
    }
}
