//! Detection of pictures of none of the classes (out of distribution).
//!
//! Scores are computed from parts, one per file: the distance of the picture's features from training pictures, their
//! distance from the classes in the directions of largest variation, their component outside the space in which
//! pictures vary, and two based only on the logits: their margin and their energy. A score is a sum of some parts, each
//! in units of standard deviations over known pictures; [`choose`] selects them by leaving classes out.

mod bank;
mod choice;
mod class_distance;
mod figures;
mod learned;
mod logits;
mod neighbours;
mod principal;
mod residual;

use std::collections::HashSet;

use half::f16;
use half::slice::HalfFloatSliceExt;
use headstart_engine::head::Task;
use serde::{Deserialize, Serialize};

pub use bank::{Seen, bank_rows};
pub use choice::{LeftOut, LogitsOf, choose};
pub use figures::UnknownFigures;
use learned::Learned;

/// A part of the score that detects pictures of none of the classes; higher values mean more likely unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScorePart {
    /// 1 minus the mean cosine similarity to the nearest training pictures (Sun et al. 2022).
    Neighbours,
    /// The second highest logit minus the highest.
    Margin,
    /// The negative logarithm of the sum of the logits' exponentials (Liu et al. 2020).
    Energy,
    /// The multi-label equivalent: the negative sum over the labels of the logarithm of 1 + e^logit (Wang et al. 2021).
    JointEnergy,
    /// The Mahalanobis distance from the nearest class, with a shared covariance (Lee et al. 2018), of low rank and on
    /// features of unit length.
    ClassDistance,
    /// The length of the features outside the space of largest variation, with each feature in units of its standard
    /// deviation (ViM's residual, Wang et al. 2022; its energy is a separate part).
    Residual,
}

impl ScorePart {
    /// The parts for single-label models.
    pub const ALL: [Self; 5] =
        [Self::Neighbours, Self::Margin, Self::Energy, Self::ClassDistance, Self::Residual];

    /// The number of feature-length vectors that a model of `classes` classes stores for it, two bytes per value,
    /// besides training pictures.
    pub fn vectors(self, classes: usize) -> usize {
        match self {
            Self::Neighbours | Self::Margin | Self::Energy | Self::JointEnergy => 0,
            // One additional mean is for pictures of no class.
            Self::ClassDistance => class_distance::DIRECTIONS + classes + 1,
            // Two four-byte numbers for each feature.
            Self::Residual => residual::PRINCIPAL + 4,
        }
    }

    /// The part that replaces it in multi-label models.
    fn of(self, seen: &Seen<'_>) -> Self {
        match (self, seen.label_sets) {
            (Self::Margin | Self::Energy, Some(_)) => Self::JointEnergy,
            (other, _) => other,
        }
    }
}

/// The score of a picture and the resulting decision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnknownScore {
    /// How much the picture looks like one of none of the classes; higher means more. Known pictures have 0 on average.
    pub score: f32,
    /// Whether it is considered unknown.
    pub is_unknown: bool,
}

/// A part of a score, with its distribution over known pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Scaled {
    part: ScorePart,
    mean: f32,
    deviation: f32,
}

/// Detects from features and logits whether the picture is of none of the learned classes.
///
/// It is serialised without its [tensors](Unknown::tensors), which must be [restored](Unknown::with_tensors) after
/// deserialisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unknown {
    parts: Vec<Scaled>,
    /// A picture with a higher score is of none of the classes.
    threshold: f32,
    /// The fraction of known pictures above it.
    rate: f64,
    #[serde(skip)]
    learned: Learned,
}

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

/// The lower limit of a part, in standard deviations below the mean of known pictures.
pub const SUREST: f32 = 2.0;

/// The cosine above which two pictures are considered the same, with a tolerance for f16.
const SAME: f32 = 1.0 - 1e-5;

/// Parts of the training pictures are left out in turn, for pictures of the same part.
const FOLDS: usize = 5;

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

    /// Sets the threshold again, from [scores](Unknown::score) of pictures not used for training.
    ///
    /// # Panics
    /// When the rate is not in `0..1`.
    pub fn set_threshold(&mut self, mut scores: Vec<f32>, rate: f64) {
        assert!((0.0..1.0).contains(&rate), "a rate is a share below 1");
        scores.sort_by(f32::total_cmp);
        // As in split conformal prediction: a new picture is above it with a probability of at most `rate`.
        let rank = ((scores.len() + 1) as f64 * (1.0 - rate) - 1e-9).ceil() as usize;
        let at = rank.clamp(1, scores.len().max(1)) - 1;
        self.threshold = scores.get(at).copied().unwrap_or(0.0);
        self.rate = rate;
    }

    /// The score of one picture, from its features and the head's logits.
    pub fn score(&self, features: &[f32], logits: &[f32]) -> f32 {
        self.score_except(features, logits, &|_, _| false)
    }

    fn score_except(
        &self,
        features: &[f32],
        logits: &[f32],
        except: &dyn Fn(usize, f32) -> bool,
    ) -> f32 {
        let value = |part| self.learned.value(part, features, logits, except);
        self.parts.iter().map(|scaled| scaled.of(value(scaled.part))).sum()
    }

    /// The score of one picture, and the decision.
    pub fn verdict(&self, features: &[f32], logits: &[f32]) -> UnknownScore {
        self.says(self.score(features, logits))
    }

    /// The same for a picture that may be a training picture, as if it were not: it is not its own neighbour, or
    /// measurements on known pictures would be biased.
    pub fn verdict_apart(&self, features: &[f32], logits: &[f32]) -> UnknownScore {
        self.says(self.score_except(features, logits, &|_, similarity| similarity > SAME))
    }

    fn says(&self, score: f32) -> UnknownScore {
        // Features that are NaN are unknown.
        UnknownScore { score, is_unknown: score > self.threshold || score.is_nan() }
    }

    /// Whether the tensors that the parts need are available, and the logit-based parts are those for this task.
    pub fn is_complete(&self, task: Task) -> bool {
        let others: &[ScorePart] = match task {
            Task::SingleLabel => &[ScorePart::JointEnergy],
            Task::MultiLabel => &[ScorePart::Margin, ScorePart::Energy],
        };
        self.parts().all(|part| self.learned.has(part) && !others.contains(&part))
    }

    /// The parts of the score.
    pub fn parts(&self) -> impl Iterator<Item = ScorePart> {
        self.parts.iter().map(|scaled| scaled.part)
    }

    /// The parts of the score, each with its mean and standard deviation over known pictures, by which it is
    /// standardised before summation.
    pub fn standardized_parts(&self) -> impl Iterator<Item = (ScorePart, f32, f32)> {
        self.parts.iter().map(|scaled| (scaled.part, scaled.mean, scaled.deviation))
    }

    /// The score above which a picture is of none of the classes.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The target fraction of known pictures that are rejected.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The learned data as tensors: name, shape, values, and whether they are exact in f16.
    pub fn tensors(&self) -> Vec<(&'static str, Vec<usize>, &[f32], bool)> {
        self.learned.tensors()
    }

    /// Restores tensors by name, for features of length `dim` and `classes` classes, or one more if pictures may be of
    /// no class.
    ///
    /// # Errors
    /// A description of the problem with them, or with the deserialised part.
    pub fn with_tensors(
        mut self,
        dim: usize,
        classes: usize,
        take: &mut TakeTensor<'_>,
    ) -> Result<Self, String> {
        let is_sound =
            |s: &Scaled| s.mean.is_finite() && s.deviation.is_finite() && s.deviation > 0.0;
        let sound = self.parts.iter().all(is_sound) && self.threshold.is_finite();
        if !sound || !(0.0..1.0).contains(&self.rate) {
            return Err("its score for unknown pictures is damaged".to_owned());
        }
        let mut take = |name: &str, columns: Option<usize>| {
            let (shape, values) = take(name).ok_or_else(|| format!("it has no {name}"))?;
            let (&last, rows) =
                shape.split_last().ok_or_else(|| format!("its {name} is a single number"))?;
            let fits = columns.is_none_or(|columns| last == columns && rows.len() == 1);
            let finite = values.iter().fold(true, |all, x| all & x.is_finite());
            if values.is_empty() || !fits || !finite {
                return Err(format!("its {name} is not of finite values for {dim} features"));
            }
            Ok(values)
        };
        let parts: Vec<ScorePart> = self.parts().collect();
        self.learned = Learned::from_tensors(&parts, dim, classes, &mut take)?;
        Ok(self)
    }
}

impl Scaled {
    fn of(self, value: f32) -> f32 {
        floored((value - self.mean) / self.deviation)
    }
}

/// Limits how strongly a part, in standard deviations, can indicate a known picture: heads can be most confident far
/// from all training data, and must not outweigh parts that detect the distance.
fn floored(deviations: f32) -> f32 {
    // Written so that NaN stays NaN.
    if deviations < -SUREST { -SUREST } else { deviations }
}

/// Limits rows to length 1 in f16 precision, so that they are the same before and after storage in a file.
fn short_rows(name: &str, mut values: Vec<f32>) -> Result<Vec<f32>, String> {
    let mut is_long = false;
    // There may be a million values: each is loaded once, and there is no branch for it.
    for values in values.chunks_mut(BLOCK) {
        is_long |= values.iter().fold(false, |any, x| any | (x.abs() > 1.01));
        as_f16(values);
    }
    match is_long {
        true => Err(format!("its {name} has rows longer than 1")),
        false => Ok(values),
    }
}

/// Takes a tensor by name: its shape and values.
pub type TakeTensor<'a> = dyn FnMut(&str) -> Option<(Vec<usize>, Vec<f32>)> + 'a;

/// Takes a tensor by name, with the given number of columns, if any.
type Take<'a> = dyn FnMut(&str, Option<usize>) -> Result<Vec<f32>, String> + 'a;

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

fn spread(values: &[f32]) -> (f32, f32) {
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let square = |&x: &f32| (f64::from(x) - mean).powi(2);
    (mean as f32, (values.iter().map(square).sum::<f64>() / n).sqrt() as f32)
}

/// The part of the training pictures that a group belongs to.
fn fold(group: usize) -> usize {
    // Group numbers follow the order of pictures; the multiplication removes their correlation with classes.
    ((group as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % FOLDS
}

/// The scalar product, in a summation order that is fast on processors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// The same direction with length 1; zero stays zero.
fn unit(features: &[f32]) -> Vec<f32> {
    let length = features.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    features.iter().map(|&x| (f64::from(x) * scale) as f32).collect()
}

/// Values that are converted at a time.
const BLOCK: usize = 256;

/// Rounds values to f16, so that a model gives the same results before and after it is written.
fn as_f16(values: &mut [f32]) {
    // Slices are converted several times as fast as single values.
    let mut halves = [f16::ZERO; BLOCK];
    for values in values.chunks_mut(BLOCK) {
        let halves = &mut halves[..values.len()];
        halves.convert_from_f32_slice(values);
        halves.convert_to_f32_slice(values);
    }
}
