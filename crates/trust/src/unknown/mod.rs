//! Whether a picture is of none of the classes.
//!
//! What there is to go by are parts, a file each: how near the picture's features are to pictures
//! learned from, how far from the classes in the directions that they vary in, how much of them lies where
//! pictures do not vary, and two of the logits alone: their margin and their energy. A score is a sum of some parts, each measured in
//! standard deviations of known pictures; [`choose`] finds which by leaving classes out.

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

use headstart_engine::head::Task;
use serde::{Deserialize, Serialize};

pub use bank::{Seen, bank_rows};
pub use choice::{LeftOut, LogitsOf, choose};
pub use figures::UnknownFigures;
use learned::Learned;

/// A score by which pictures of none of the classes are told, as a part of a sum: the higher, the more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScorePart {
    /// 1 less the mean cosine similarity to the nearest pictures learned from (Sun et al. 2022).
    Neighbours,
    /// The logit of the second likeliest class less that of the likeliest.
    Margin,
    /// The negative logarithm of the sum of the logits' exponentials (Liu et al. 2020).
    Energy,
    /// Its like where pictures may have any number of labels: the negative sum over these of the logarithm
    /// of 1 + e^logit (Wang et al. 2021).
    JointEnergy,
    /// The Mahalanobis distance from the nearest class, with one covariance for all (Lee et al. 2018), of
    /// low rank and on features of unit length.
    ClassDistance,
    /// The length of the features outside of the space that pictures vary in most, each in its standard
    /// deviations (ViM's residual, Wang et al. 2022; its energy is a part of its own).
    Residual,
}

impl ScorePart {
    /// Those that there are of pictures with one label each.
    pub const ALL: [Self; 5] =
        [Self::Neighbours, Self::Margin, Self::Energy, Self::ClassDistance, Self::Residual];

    /// How many vectors as long as the features a model of so many classes keeps for it, two bytes a value,
    /// beside pictures learned from.
    pub fn vectors(self, classes: usize) -> usize {
        match self {
            Self::Neighbours | Self::Margin | Self::Energy | Self::JointEnergy => 0,
            // One mean more is for pictures of none.
            Self::ClassDistance => class_distance::DIRECTIONS + classes + 1,
            // Two numbers of four bytes for each feature.
            Self::Residual => residual::PRINCIPAL + 4,
        }
    }

    /// The one that takes its place where pictures may have any number of labels.
    fn of(self, seen: &Seen<'_>) -> Self {
        match (self, seen.label_sets) {
            (Self::Margin | Self::Energy, Some(_)) => Self::JointEnergy,
            (other, _) => other,
        }
    }
}

/// What a picture's score says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnknownScore {
    /// How much the picture looks like one of none of the classes, the higher the more. 0 is what known
    /// pictures have on average.
    pub score: f32,
    /// Whether it is taken for one.
    pub is_unknown: bool,
}

/// A part in a score, and what it is of known pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Scaled {
    part: ScorePart,
    mean: f32,
    deviation: f32,
}

/// Tells of features and logits whether the picture is of none of the classes that were learned.
///
/// Serialised it is without its [tensors](Unknown::tensors), which are for whoever reads it to
/// [put back](Unknown::with_tensors).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unknown {
    parts: Vec<Scaled>,
    /// Above it a picture is of none of the classes.
    threshold: f32,
    /// The share of known pictures that is above it.
    rate: f64,
    #[serde(skip)]
    learned: Learned,
}

/// Pictures by which a score is measured: what the head says of them, or would say had it not learned from
/// them.
#[derive(Clone, Copy, Debug)]
pub struct Unseen<'a> {
    /// n x dim.
    pub features: &'a [f32],
    /// n x units.
    pub logits: &'a [f32],
    /// The group of each picture: what was learned from pictures of the same is not used for it. Nothing
    /// where none of them is among those.
    pub groups: Option<&'a [usize]>,
    /// How many of them, the last, no head has learned from. All others' logits are from heads of
    /// fewer pictures, which are less sure.
    pub held_out: usize,
}

/// With fewer pictures, how much less sure heads of fewer pictures are would be chance.
const ENOUGH_OF_ALL: usize = 20;

/// As many standard deviations below the mean of known pictures a part goes, and no further.
pub const SUREST: f32 = 2.0;

/// The cosine above which two pictures are one, with some room for what f16 loses.
const SAME: f32 = 1.0 - 1e-5;

/// Parts of what was learned from are left out in turn for pictures of the same part.
const FOLDS: usize = 5;

impl Unknown {
    /// Learns how far the parts go in pictures that were not learned from, and from where on a share
    /// `rate` of them is turned away; where they are too few to tell so small a share, none of them is. A
    /// part that all of them have alike tells nothing, and is left out. `None` without pictures.
    ///
    /// # Panics
    /// When there are not `dim` features for each picture, or as many logits for all, more are held out than
    /// there are, or the rate is not in `0..1`.
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
        // Neighbours of the same group can be left out, what was learned of all together cannot.
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
            // What is left of rounding is no difference.
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

    /// Sets the threshold anew, on [scores](Unknown::score) of pictures that were not learned from.
    ///
    /// # Panics
    /// When the rate is not in `0..1`.
    pub fn set_threshold(&mut self, mut scores: Vec<f32>, rate: f64) {
        assert!((0.0..1.0).contains(&rate), "a rate is a share below 1");
        scores.sort_by(f32::total_cmp);
        // As in split conformal prediction: of one more picture, a share of at most `rate` is above it.
        let rank = ((scores.len() + 1) as f64 * (1.0 - rate) - 1e-9).ceil() as usize;
        let at = rank.clamp(1, scores.len().max(1)) - 1;
        self.threshold = scores.get(at).copied().unwrap_or(0.0);
        self.rate = rate;
    }

    /// The score of one picture, from its features and the logits that the head has for it.
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

    /// The score of one picture, and what it says.
    pub fn verdict(&self, features: &[f32], logits: &[f32]) -> UnknownScore {
        self.says(self.score(features, logits))
    }

    /// The same of a picture that may be one of those that were learned from, as if it were not: it is no
    /// neighbour of its own, or measuring on known pictures would find that they are known.
    pub fn verdict_apart(&self, features: &[f32], logits: &[f32]) -> UnknownScore {
        self.says(self.score_except(features, logits, &|_, similarity| similarity > SAME))
    }

    fn says(&self, score: f32) -> UnknownScore {
        // Features that are no numbers are of nothing known.
        UnknownScore { score, is_unknown: score > self.threshold || score.is_nan() }
    }

    /// Whether the tensors that the parts need are there, and what is of the logits is of heads that
    /// give any number of labels, or of others.
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

    /// The parts of the score, and their mean and standard deviation in known pictures, by which each is
    /// measured before they are added up.
    pub fn standardized_parts(&self) -> impl Iterator<Item = (ScorePart, f32, f32)> {
        self.parts.iter().map(|scaled| (scaled.part, scaled.mean, scaled.deviation))
    }

    /// The score above which a picture is of none of the classes.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The share of known pictures that was to be turned away.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// What it has learned in tensors: a name, the shape, the values, and whether they are exact in f16.
    pub fn tensors(&self) -> Vec<(&'static str, Vec<usize>, &[f32], bool)> {
        self.learned.tensors()
    }

    /// With tensors that are taken by their names, for features of length `dim` and so many classes, or one
    /// more where there may be pictures of none.
    ///
    /// # Errors
    /// What is wrong with them, or with what was read before.
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
            if values.is_empty() || !fits || !values.iter().all(|x| x.is_finite()) {
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

/// What a part says in standard deviations, where it says that a picture is known at most so much: heads can be
/// surest of what is far from all that they have learned, and must not outweigh what sees that it is far.
fn floored(deviations: f32) -> f32 {
    // Written so that what is no number stays so.
    if deviations < -SUREST { -SUREST } else { deviations }
}

/// Rows that are no longer than 1, as f16 has them: what a file holds is then the same after it is written.
fn short_rows(name: &str, mut values: Vec<f32>) -> Result<Vec<f32>, String> {
    if values.iter().any(|x| x.abs() > 1.01) {
        return Err(format!("its {name} has rows longer than 1"));
    }
    as_f16(&mut values);
    Ok(values)
}

/// Takes a tensor by its name: its shape and values.
pub type TakeTensor<'a> = dyn FnMut(&str) -> Option<(Vec<usize>, Vec<f32>)> + 'a;

/// Takes a tensor by its name, of rows of so many columns where that is said.
type Take<'a> = dyn FnMut(&str, Option<usize>) -> Result<Vec<f32>, String> + 'a;

/// Moves what is from heads, or directions, of fewer pictures to the mean of what is from all, which
/// `is_of_all` says of a picture: otherwise fewer would be turned away than asked for.
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

/// Which part of what was learned from a group is in.
fn fold(group: usize) -> usize {
    // Numbers of groups follow the order of pictures; multiplied, they do not follow that of classes.
    ((group as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % FOLDS
}

/// The scalar product, in an order of its own that processors are quick at.
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

/// The same direction at length 1; nothing stays nothing.
fn unit(features: &[f32]) -> Vec<f32> {
    let length = features.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    features.iter().map(|&x| (f64::from(x) * scale) as f32).collect()
}

/// What f16 keeps of values: a model says the same before it is written and after.
fn as_f16(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = half::f16::from_f32(*x).to_f32());
}
