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
mod fit;
mod learned;
mod logits;
mod neighbours;
mod principal;
mod residual;
mod score_part;
mod vectors;

use headstart_engine::head::Task;
use serde::{Deserialize, Serialize};

pub use bank::{Seen, bank_rows};
pub use choice::{LeftOut, LogitsOf, choose};
pub use figures::UnknownFigures;
pub use fit::Unseen;
use learned::Learned;
pub use score_part::ScorePart;

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

/// The lower limit of a part, in standard deviations below the mean of known pictures.
pub const SUREST: f32 = 2.0;

/// The cosine above which two pictures are considered the same, with a tolerance for f16.
const SAME: f32 = 1.0 - 1e-5;

impl Unknown {
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

/// Takes a tensor by name: its shape and values.
pub type TakeTensor<'a> = dyn FnMut(&str) -> Option<(Vec<usize>, Vec<f32>)> + 'a;

/// Takes a tensor by name, with the given number of columns, if any.
type Take<'a> = dyn FnMut(&str, Option<usize>) -> Result<Vec<f32>, String> + 'a;
