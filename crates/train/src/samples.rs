use std::{ops::Range, slice};

use serde::{Deserialize, Serialize};

use super::{Features, Task, TrainError, error::readable, losses::Targets};

/// Labelled features: one row per picture.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    /// n x dim.
    pub features: Features<'a>,
    /// The number of features per sample.
    pub dim: usize,
    /// The class of each sample, below `classes`; with `label_sets`, the index of its set of classes.
    pub labels: &'a [usize],
    /// The number of classes. A class may have no samples.
    pub classes: usize,
    /// Sets of classes, each without repetition. If given, a sample belongs to all classes of its set, which may be
    /// empty: the task is [`Task::MultiLabel`].
    pub label_sets: Option<&'a [Vec<usize>]>,
    /// Soft targets that replace the labels in the loss, as after mixup: probabilities, n x units (see
    /// [`Targets::Soft`]). Class weights and accuracy still use the labels.
    pub soft_targets: Option<&'a [f32]>,
    /// The weight of each sample; 1 for all if `None`. It is multiplied by the class weight.
    pub weights: Option<&'a [f32]>,
    /// The group of each sample. Samples of a group (such as crops of one picture) stay together when the strength is
    /// chosen on held-out samples. Any numbers are valid; without them, each sample is its own group.
    pub groups: Option<&'a [usize]>,
}

impl<'a> Samples<'a> {
    /// Samples of one class each with equal weights, each its own group.
    pub fn new(features: &'a [f32], dim: usize, labels: &'a [usize], classes: usize) -> Self {
        Self {
            features: features.into(),
            dim,
            labels,
            classes,
            label_sets: None,
            soft_targets: None,
            weights: None,
            groups: None,
        }
    }

    /// The kind of decision about a sample.
    pub fn task(&self) -> Task {
        if self.label_sets.is_some() { Task::MultiLabel } else { Task::SingleLabel }
    }

    /// The classes of a sample.
    pub fn classes_of(&self, row: usize) -> &'a [usize] {
        classes_of(&self.labels[row], self.label_sets)
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Reads the features of a list of samples.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn features_of(&self, rows: &[u32]) -> Result<Vec<f32>, TrainError> {
        let mut features = vec![0.0; rows.len() * self.dim];
        self.features.read(self.dim, rows, &mut features)?;
        Ok(features)
    }

    /// The targets of the loss: the soft targets, if any, otherwise the labels.
    pub fn targets(&self) -> Targets<'a> {
        self.soft_targets.map_or(self.own_targets(), Targets::Soft)
    }

    /// The labels as targets.
    pub(crate) fn own_targets(&self) -> Targets<'a> {
        targets(self.labels, self.label_sets)
    }

    /// The targets of the loss for a range of samples.
    pub(crate) fn targets_of(&self, rows: Range<usize>) -> Targets<'a> {
        match self.soft_targets {
            Some(soft) => {
                let units = soft.len() / self.len();
                Targets::Soft(&soft[rows.start * units..rows.end * units])
            }
            None => targets(&self.labels[rows], self.label_sets),
        }
    }

    /// The number of samples of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for row in 0..self.len() {
            self.classes_of(row).iter().for_each(|&class| counts[class] += 1);
        }
        counts
    }

    /// Checks that lengths agree, labels are classes (or sets of them), soft targets are probabilities, weights are not
    /// negative, and every feature in memory is finite.
    pub fn check(&self) -> Result<(), TrainError> {
        let n = self.len();
        if n == 0 {
            return Err(TrainError::NoSamples);
        }
        let units = self.task().units(self.classes);
        let held = match self.features {
            Features::Memory(features) => features.len(),
            Features::Stored(stored) => stored.rows() * self.dim,
        };
        let lengths = [
            ("features of a sample", self.dim, self.dim.max(1)),
            ("features", held, n * self.dim),
            ("soft targets", self.soft_targets.map_or(n * units, <[_]>::len), n * units),
            ("sample weights", self.weights.map_or(n, <[_]>::len), n),
            ("groups", self.groups.map_or(n, <[_]>::len), n),
        ];
        for (what, found, expected) in lengths {
            if found != expected {
                return Err(TrainError::Length { what, found, expected });
            }
        }
        check_labels(self.labels, self.label_sets, self.classes)?;
        if let Some(targets) = self.soft_targets {
            check_probabilities(targets, units, self.task())?;
        }
        check_weights("a sample weight", self.weights.unwrap_or_default())?;
        // A sum reveals quickly whether a search is needed.
        if let Features::Memory(features) = self.features
            && !features.iter().map(|v| v * 0.0).sum::<f32>().is_finite()
            && let Some(at) = features.iter().position(|v| !v.is_finite())
        {
            return Err(TrainError::NonFiniteFeature {
                row: at / self.dim,
                column: at % self.dim,
                value: features[at],
            });
        }
        Ok(())
    }

    /// Checks like [`check`](Self::check), and that two classes have samples; or, for sets of classes, that some class
    /// has samples with and without it.
    pub(crate) fn check_trainable(&self) -> Result<(), TrainError> {
        self.check()?;
        let counts = self.counts();
        if self.task() == Task::MultiLabel {
            return match counts.iter().any(|&count| count > 0 && count < self.len()) {
                true => Ok(()),
                false => Err(TrainError::AllAlike),
            };
        }
        if counts.iter().filter(|&&count| count > 0).count() < 2 {
            return Err(TrainError::OneClass { class: self.labels[0] });
        }
        Ok(())
    }

    /// The weight of each sample: its own times its class's; `None` if all are 1.
    pub(crate) fn total_weights(
        &self,
        class_weight: &ClassWeight,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        total_weights(self.labels, self.label_sets, self.classes, self.weights, class_weight)
    }
}

/// The classes of a label: the label itself, or those of the set with that index.
pub(crate) fn classes_of<'a>(label: &'a usize, sets: Option<&'a [Vec<usize>]>) -> &'a [usize] {
    sets.map_or(slice::from_ref(label), |sets| &sets[*label])
}

/// Labels as targets.
pub(crate) fn targets<'a>(labels: &'a [usize], sets: Option<&'a [Vec<usize>]>) -> Targets<'a> {
    sets.map_or(Targets::Labels(labels), |sets| Targets::Sets { labels, sets })
}

/// Checks that labels are classes, or sets of them.
pub(crate) fn check_labels(
    labels: &[usize],
    sets: Option<&[Vec<usize>]>,
    classes: usize,
) -> Result<(), TrainError> {
    let known = sets.map_or(classes, <[_]>::len);
    for (row, label) in labels.iter().enumerate() {
        if *label >= known {
            return Err(TrainError::NoSuchClass { row, label: *label, classes: known });
        }
        let last = classes_of(label, sets).iter().max();
        if let Some(&label) = last.filter(|&&last| last >= classes) {
            return Err(TrainError::NoSuchClass { row, label, classes });
        }
    }
    Ok(())
}

/// The weights of samples with these labels: their own times their class's; `None` if all are 1. If labels are sets of
/// classes and classes have weights, every pair of sample and class has its own: n x classes.
///
/// # Errors
/// Invalid weights.
pub(crate) fn total_weights(
    labels: &[usize],
    sets: Option<&[Vec<usize>]>,
    classes: usize,
    own: Option<&[f32]>,
    class_weight: &ClassWeight,
) -> Result<Option<Vec<f32>>, TrainError> {
    check_weights("a sample weight", own.unwrap_or_default())?;
    if let Some(sets) = sets {
        let own = own.map(<[_]>::to_vec);
        return class_weight.of_sets(labels, sets, classes, own);
    }
    let by_class = class_weight.resolve(labels, own, classes)?;
    if by_class.is_none() && own.is_none() {
        return Ok(None);
    }
    let total = labels.iter().enumerate().map(|(row, &label)| {
        own.map_or(1.0, |own| own[row]) * by_class.as_ref().map_or(1.0, |by| by[label])
    });
    Ok(Some(total.collect()))
}

/// The weight of samples of each class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// The same weight for all.
    #[default]
    Uniform,
    /// Weights that balance the classes: n / (classes x samples of the class), over the classes that have samples
    /// (scikit-learn's `"balanced"`). Sample weights are included in these counts, as in scikit-learn.
    ///
    /// In a multi-label task, each class is balanced against its absence: a sample's weight for it is n / (2 x samples
    /// with it) or n / (2 x samples without it), as in `OneVsRestClassifier`.
    Balanced,
    /// One weight for each class. In a multi-label task, it applies where the class is present (PyTorch's
    /// `pos_weight`); where it is absent, the weight is 1.
    Given(Vec<f32>),
}

impl ClassWeight {
    /// Computes one weight for each class from the labels and weights of the samples; `None` if all are 1.
    fn resolve(
        &self,
        labels: &[usize],
        own: Option<&[f32]>,
        classes: usize,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        match self {
            Self::Uniform => Ok(None),
            Self::Balanced => {
                let mut sums = vec![0.0; classes];
                for (row, &label) in labels.iter().enumerate() {
                    sums[label] += own.map_or(1.0, |own| f64::from(own[row]));
                }
                let n: f64 = sums.iter().sum();
                let present = sums.iter().filter(|&&sum| sum > 0.0).count() as f64;
                let weight =
                    |&sum: &f64| if sum > 0.0 { (n / (present * sum)) as f32 } else { 0.0 };
                Ok(Some(sums.iter().map(weight).collect()))
            }
            Self::Given(weights) => {
                check_class_weights(weights, classes)?;
                Ok(Some(weights.clone()))
            }
        }
    }

    /// Computes the weights of samples with sets of classes: n weights, or n x classes; `None` if all are 1.
    fn of_sets(
        &self,
        labels: &[usize],
        sets: &[Vec<usize>],
        classes: usize,
        own: Option<Vec<f32>>,
    ) -> Result<Option<Vec<f32>>, TrainError> {
        // For each class, the weights of its absence and its presence.
        let pairs: Vec<[f32; 2]> = match self {
            Self::Uniform => return Ok(own),
            Self::Balanced => {
                let (mut with, mut all) = (vec![0.0; classes], 0.0);
                for (row, &label) in labels.iter().enumerate() {
                    let weight = own.as_ref().map_or(1.0, |own| f64::from(own[row]));
                    all += weight;
                    sets[label].iter().for_each(|&class| with[class] += weight);
                }
                let weight = |sum: f64| if sum > 0.0 { (all / (2.0 * sum)) as f32 } else { 0.0 };
                with.iter().map(|&with| [weight(all - with), weight(with)]).collect()
            }
            Self::Given(weights) => {
                check_class_weights(weights, classes)?;
                weights.iter().map(|&weight| [1.0, weight]).collect()
            }
        };
        let mut total = Vec::with_capacity(labels.len() * classes);
        for (row, &label) in labels.iter().enumerate() {
            let own = own.as_ref().map_or(1.0, |own| own[row]);
            let first = total.len();
            total.extend(pairs.iter().map(|[without, _]| own * without));
            sets[label].iter().for_each(|&class| total[first + class] = own * pairs[class][1]);
        }
        Ok(Some(total))
    }
}

fn check_class_weights(weights: &[f32], classes: usize) -> Result<(), TrainError> {
    if weights.len() != classes {
        return Err(TrainError::Length {
            what: "class weights",
            found: weights.len(),
            expected: classes,
        });
    }
    check_weights("a class weight", weights)
}

/// Tolerance of the sum of each row of soft targets, which allows only for rounding.
const SUM_TOLERANCE: f32 = 1e-3;

fn check_probabilities(targets: &[f32], units: usize, task: Task) -> Result<(), TrainError> {
    let is_free = units == 1 || task == Task::MultiLabel;
    for (row, targets) in targets.chunks_exact(units).enumerate() {
        let adds_up = is_free || (targets.iter().sum::<f32>() - 1.0).abs() <= SUM_TOLERANCE;
        if !(adds_up && targets.iter().all(|t| (0.0..=1.0).contains(t))) {
            return Err(TrainError::NotProbabilities { row });
        }
    }
    Ok(())
}

fn check_weights(option: &'static str, weights: &[f32]) -> Result<(), TrainError> {
    match weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        Some(weight) => Err(TrainError::Option {
            option,
            value: readable(f64::from(*weight)),
            expected: "it must be a number from 0 on",
        }),
        None => Ok(()),
    }
}
