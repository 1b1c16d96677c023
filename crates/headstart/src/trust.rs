//! Calibration of a classifier's answers, and detection of unknown pictures.

use std::ops::ControlFlow;

use headstart_engine::frozen::Compute;
use headstart_engine::head::Task;
use headstart_predict::{LabelSets, PerLabelSets, Temperature, Trust, Unknown, UnknownScore};
use headstart_train::{LogisticConfig, Samples, Strength, TrainError, fit_logistic};
use headstart_trust::{LeftOut, ScorePart, bank_rows, choose};
use serde::{Deserialize, Serialize};

use crate::pictures::{self, LabelledFeatures};
use crate::records::has_each;
use crate::{Context, Error, Event};

/// Whether probabilities are calibrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// Logits are divided by the temperature that maximises the likelihood of pictures that were not trained on
    /// (Guo et al. 2017). With several labels per picture, each label has its own temperature.
    #[default]
    Temperature,
    /// Logits are used as the head computes them.
    None,
}

/// The share of known pictures that may be rejected as unknown: 5 % by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct UnknownRate(f64);

impl UnknownRate {
    /// Never: the model does not learn to detect unknown pictures.
    pub const NEVER: Self = Self(0.0);

    /// A share in `0..1`; `None` for any other number.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..1.0).contains(&share).then_some(Self(share))
    }

    /// The share.
    pub fn share(self) -> f64 {
        self.0
    }

    pub(crate) fn is_never(self) -> bool {
        self.0 == 0.0
    }
}

impl TryFrom<f64> for UnknownRate {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        Self::new(share).ok_or_else(|| format!("{share} is no share of pictures below 1"))
    }
}

impl From<UnknownRate> for f64 {
    fn from(rate: UnknownRate) -> Self {
        rate.share()
    }
}

impl Default for UnknownRate {
    fn default() -> Self {
        Self(0.05)
    }
}

/// What a classifier learns about its answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TrustConfig {
    pub(crate) calibration: Calibration,
    pub(crate) unknown_rate: UnknownRate,
    /// The regularisation strength of the head, if it has one.
    pub(crate) strength: Option<f64>,
}

/// The least number of pictures to calibrate on: with fewer, a temperature or threshold would be arbitrary.
pub const FEWEST_TO_CALIBRATE: usize = 20;
/// The most pictures that set the threshold: more would take time and not improve it.
const MOST_FOR_THRESHOLD: usize = 1_000;
/// The most pictures that a model keeps for the detection of unknown ones.
pub(crate) const MOST_KEPT: usize = 1_000;
/// The share of the model file by which the kept statistics may enlarge it.
const SHARE_OF_FILE: f64 = 0.3;
/// The strength of heads that are fitted to choose the score, if the model's own head has none.
const USUAL_STRENGTH: f64 = 0.01;

/// A head's answers for labelled pictures that it was not trained on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unseen {
    /// `[n][dim]`.
    pub(crate) features: Vec<f32>,
    /// `[n][units]`.
    pub(crate) logits: Vec<f32>,
    /// The group of each picture, numbered as for the training pictures.
    pub(crate) groups: Vec<usize>,
    /// Each picture's class, or the index of its set of classes.
    pub(crate) labels: Vec<usize>,
    pub(crate) label_sets: Option<pictures::LabelSets>,
    /// How many of the pictures, at the end, are held out from the head itself. The answers for the others are
    /// those of heads of folds.
    pub(crate) held_out: usize,
}

impl Unseen {
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether there are enough pictures for a meaningful threshold.
    pub(crate) fn is_enough(&self) -> bool {
        self.labels.len() >= FEWEST_TO_CALIBRATE
    }

    pub(crate) fn label_sets(&self) -> Option<&[Vec<usize>]> {
        self.label_sets.as_deref()
    }

    /// The features of at most as many pictures as a model keeps for the detection of unknown ones.
    pub(crate) fn bank(&self, dim: usize) -> LabelledFeatures {
        let rows = bank_rows(&self.labels, MOST_KEPT);
        let row = |&row: &usize| &self.features[row * dim..][..dim];
        LabelledFeatures {
            features: rows.iter().flat_map(row).copied().collect(),
            labels: rows.iter().map(|&row| self.labels[row]).collect(),
            label_sets: self.label_sets.clone(),
            groups: rows.iter().map(|&row| self.groups[row]).collect(),
            weights: None,
            dim,
        }
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.held_out = other.labels.len();
        self.features.extend(&other.features);
        self.groups.extend(&other.groups);
        self.logits.extend(&other.logits);
        self.labels.extend(&other.labels);
        if self.label_sets.is_none() {
            self.label_sets.clone_from(&other.label_sets);
        }
    }

    /// Calibration and label sets of a classifier for this task.
    pub(crate) fn trust(&self, task: Task, classes: usize, calibration: Calibration) -> Trust {
        let mut trust = Trust::default();
        let has = self.label_sets().map(|sets| has_each(&self.labels, sets, classes));
        if self.is_enough() && calibration == Calibration::Temperature {
            trust.temperature = Some(match &has {
                Some(has) => Temperature::fit_each(&self.logits, has, classes),
                None => Temperature::fit(&self.logits, &self.labels, classes),
            });
        }
        if self.is_empty() {
            return trust;
        }
        let probabilities = trust.probabilities(self.logits.clone(), task, classes);
        match has {
            Some(has) => {
                trust.per_label_sets = Some(PerLabelSets::fit(&probabilities, &has, classes));
            }
            None if task.is_single_label() => {
                trust.sets = Some(LabelSets::fit(&probabilities, &self.labels, classes));
            }
            None => {}
        }
        trust
    }

    /// Fits the detection of unknown pictures to `known` ones, which may include these pictures. Returns `None`
    /// if there are too few.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn unknown(
        &self,
        known: &LabelledFeatures,
        file_values: usize,
        config: TrustConfig,
        context: &mut Context<'_>,
    ) -> Result<Option<Unknown>, Error> {
        let few = !self.is_enough() || known.labels.is_empty();
        if few || config.unknown_rate.is_never() {
            return Ok(None);
        }
        let classes = known.classes();
        // Statistics take two bytes per value, weights four.
        let vectors = (SHARE_OF_FILE * 2.0 * file_values as f64) as usize / known.dim;
        let mut taken = 0;
        let fits = |part: &ScorePart| {
            let with = taken + part.vectors(classes);
            let fits = 2 * with <= vectors;
            taken = if fits { with } else { taken };
            fits
        };
        // At least half of the space is for pictures.
        let available: Vec<ScorePart> = ScorePart::ALL.into_iter().filter(fits).collect();
        let strength = config.strength.unwrap_or(USUAL_STRENGTH);
        let parts = choose(&available, &known.seen(), &mut |left_out: &LeftOut<'_>| {
            let &LeftOut { learned, classes, tested, done, total } = left_out;
            context.tell(Event::LeavingOut { done, total });
            let samples = Samples::new(learned.features, learned.dim, learned.labels, classes);
            let samples = Samples { label_sets: learned.label_sets, ..samples };
            let config = LogisticConfig {
                strength: Strength::Fixed(strength),
                tolerance: 1e-3,
                ..LogisticConfig::default()
            };
            let isa = Compute::default().isa;
            let mut go_on = |_: headstart_train::Event<'_>| match context.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            match fit_logistic(&samples, None, &config, isa, &mut go_on) {
                Ok(fit) => Ok(Some(fit.head.logits(tested))),
                Err(TrainError::Stopped) => Err(Error::Interrupted),
                Err(_) => Ok(None),
            }
        })?;
        context.check()?;
        let beside: usize = parts.iter().map(|part| part.vectors(classes)).sum();
        let kept = vectors.saturating_sub(beside).min(MOST_KEPT);
        let kept = known.of(&bank_rows(&known.labels, kept));
        let seen = kept.seen();
        let n = self.labels.len();
        let step = n.div_ceil(MOST_FOR_THRESHOLD);
        let rows = || (0..n).step_by(step);
        let of = |values: &[f32]| -> Vec<f32> {
            let width = values.len() / n;
            rows().flat_map(|row| &values[row * width..][..width]).copied().collect()
        };
        let (features, logits) = (of(&self.features), of(&self.logits));
        let groups: Vec<usize> = rows().map(|row| self.groups[row]).collect();
        let unseen = headstart_trust::Unseen {
            features: &features,
            logits: &logits,
            groups: Some(&groups),
            held_out: rows().filter(|&row| row >= n - self.held_out).count(),
        };
        Ok(Unknown::fit(&parts, &seen, &unseen, config.unknown_rate.share()))
    }

    /// The score of each picture for being unknown, computed as if it were not among the kept pictures.
    pub(crate) fn unknown_scores(&self, unknown: &Unknown) -> Vec<UnknownScore> {
        let n = self.labels.len().max(1);
        let (dim, units) = (self.features.len() / n, self.logits.len() / n);
        let pictures = self.features.chunks_exact(dim.max(1));
        let pictures = pictures.zip(self.logits.chunks_exact(units.max(1)));
        pictures.map(|(features, logits)| unknown.verdict_apart(features, logits)).collect()
    }
}

impl LabelledFeatures {
    /// The features of at most as many pictures as a model keeps for the detection of unknown ones, from both
    /// sets: pictures that no head was trained on are known, too.
    pub(crate) fn bank(&self, other: &Self) -> Self {
        let labels: Vec<usize> = self.labels.iter().chain(&other.labels).copied().collect();
        let rows = bank_rows(&labels, MOST_KEPT);
        let (own, others) = rows.split_at(rows.partition_point(|&row| row < self.labels.len()));
        let others: Vec<usize> = others.iter().map(|row| row - self.labels.len()).collect();
        let (mut bank, others) = (self.of(own), other.of(&others));
        bank.features.extend(others.features);
        bank.labels.extend(others.labels);
        bank.groups.extend(others.groups);
        bank.weights = None;
        bank
    }
}
