//! Calibration metrics of probabilities.

use serde::{Deserialize, Serialize};

/// Number of bins of confidence, the usual one since Guo et al. 2017.
pub const RELIABILITY_BINS: usize = 15;

/// Calibration metrics of probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationFigures {
    /// Expected calibration error: the mean difference of confidence and accuracy over 15 bins of equal width, weighted
    /// by the number of predictions in each. For single-label samples, the prediction is the most probable class; for
    /// multi-label samples, every class of every sample is a prediction.
    pub ece: f64,
    /// The same over 15 bins with equal numbers of predictions (adaptive calibration error of the top label).
    pub adaptive_ece: f64,
    /// Brier score: the mean squared difference of probabilities and truth, summed over the classes and halved for two
    /// classes, as in scikit-learn; for multi-label samples, the mean over the classes.
    pub brier: f64,
}

/// Predictions with similar confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The number of predictions.
    pub predictions: usize,
    /// Their mean confidence.
    pub confidence: f64,
    /// The fraction of correct ones.
    pub accuracy: f64,
}

impl CalibrationFigures {
    /// Computes the metrics of single-label samples from probabilities n x classes. `None` without samples.
    ///
    /// # Panics
    /// When there are not `classes` probabilities for each label.
    pub fn of_labels(probabilities: &[f32], labels: &[usize], classes: usize) -> Option<Self> {
        assert_eq!(probabilities.len(), labels.len() * classes, "probabilities for each label");
        let predictions: Vec<(f32, bool)> = predictions(probabilities, labels, classes).collect();
        let squares =
            probabilities.chunks_exact(classes.max(1)).zip(labels).map(|(row, &label)| {
                row.iter().enumerate().map(|(class, &p)| square(p, class == label)).sum::<f64>()
            });
        let scale = if classes == 2 { 0.5 } else { 1.0 };
        let brier = scale * squares.sum::<f64>() / labels.len() as f64;
        Self::of(&predictions, brier)
    }

    /// Computes the metrics of multi-label samples from the probability of each class and whether the sample has it.
    /// `None` without samples.
    ///
    /// # Panics
    /// When there is not an entry of `has` for each probability.
    pub fn of_each(probabilities: &[f32], has: &[bool]) -> Option<Self> {
        assert_eq!(probabilities.len(), has.len(), "the truth of each probability");
        let predictions: Vec<(f32, bool)> =
            probabilities.iter().copied().zip(has.iter().copied()).collect();
        let squares: f64 = predictions.iter().map(|&(p, has)| square(p, has)).sum();
        Self::of(&predictions, squares / predictions.len() as f64)
    }

    fn of(predictions: &[(f32, bool)], brier: f64) -> Option<Self> {
        (!predictions.is_empty()).then(|| Self {
            ece: error(&reliability(predictions)),
            adaptive_ece: error(&equal_counts(predictions)),
            brier,
        })
    }
}

/// The confidence in the most probable class of each sample, and whether it is correct.
fn predictions(
    probabilities: &[f32],
    labels: &[usize],
    classes: usize,
) -> impl Iterator<Item = (f32, bool)> {
    let rows = probabilities.chunks_exact(classes.max(1));
    rows.zip(labels).map(|(row, &label)| {
        let likeliest = headstart_engine::head::argmax(row);
        (row[likeliest], likeliest == label)
    })
}

fn square(probability: f32, is: bool) -> f64 {
    (f64::from(probability) - f64::from(u8::from(is))).powi(2)
}

/// A reliability diagram: predictions in [`RELIABILITY_BINS`] bins of equal width, each including its upper bound, from
/// confidences in `0..=1` and whether each prediction is correct.
pub fn reliability(predictions: &[(f32, bool)]) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); RELIABILITY_BINS];
    for &(confidence, right) in predictions {
        let bin = (confidence * RELIABILITY_BINS as f32).ceil() as usize;
        bins[bin.clamp(1, RELIABILITY_BINS) - 1].add(confidence, right);
    }
    bins.into_iter().map(Bin::mean).collect()
}

/// Predictions sorted by confidence, in bins of equal size, except that the first ones may have one more, as in NumPy's
/// `array_split`.
fn equal_counts(predictions: &[(f32, bool)]) -> Vec<Bin> {
    let mut sorted = predictions.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (least, more) = (sorted.len() / RELIABILITY_BINS, sorted.len() % RELIABILITY_BINS);
    let mut rest = &sorted[..];
    let bins = (0..RELIABILITY_BINS).map(|bin| {
        let (own, others) = rest.split_at(least + usize::from(bin < more));
        rest = others;
        let mut bin = Bin::default();
        own.iter().for_each(|&(confidence, right)| bin.add(confidence, right));
        bin.mean()
    });
    bins.collect()
}

impl Bin {
    /// Accumulates sums, which [`Bin::mean`] divides.
    fn add(&mut self, confidence: f32, right: bool) {
        self.predictions += 1;
        self.confidence += f64::from(confidence);
        self.accuracy += f64::from(u8::from(right));
    }

    fn mean(mut self) -> Self {
        let count = self.predictions.max(1) as f64;
        self.confidence /= count;
        self.accuracy /= count;
        self
    }
}

fn error(bins: &[Bin]) -> f64 {
    let all: usize = bins.iter().map(|bin| bin.predictions).sum();
    let part = |bin: &Bin| bin.predictions as f64 * (bin.confidence - bin.accuracy).abs();
    bins.iter().map(part).sum::<f64>() / all as f64
}
