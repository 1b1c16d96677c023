//! From features to names of classes.

use headstart_engine::head::{Head, Task, argmax};
use headstart_trust::UnknownScore;

use crate::class_names::class_names;
use crate::{AnswerConfig, NoLabelSet, Trust};

/// The default threshold of a label.
pub const UNCHOSEN_THRESHOLD: f32 = 0.5;

/// A head and the names of its classes.
#[derive(Clone, Debug)]
pub struct ClassifierHead {
    head: Head,
    classes: Vec<String>,
    /// For each class, the minimum probability for a picture to get this label; empty for single-label heads.
    thresholds: Vec<f32>,
    trust: Trust,
}

/// A classifier's prediction for a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The probability of each class, in the order of the model's classes.
    pub scores: Vec<f32>,
    /// The labels: the most probable class; or, for [`Task::MultiLabel`], all classes whose probability reaches their
    /// threshold, most probable first, possibly none.
    pub labels: Vec<usize>,
    /// Whether the picture is of none of the classes; `None` if the model cannot detect that, or it was [not
    /// requested](AnswerConfig::unknown).
    pub unknown: Option<UnknownScore>,
    /// The labels that contain the right ones with the [requested](AnswerConfig::coverage) coverage, most probable
    /// first; `None` if not requested. It does not depend on whether the picture is unknown.
    pub set: Option<Vec<usize>>,
}

impl Prediction {
    /// The answer: the most probable of the labels; `None` if there is none, or the picture is unknown.
    pub fn label(&self) -> Option<usize> {
        self.labels.first().copied().filter(|_| !self.is_unknown())
    }

    /// Whether the picture is considered to be of none of the classes.
    pub fn is_unknown(&self) -> bool {
        self.unknown.is_some_and(|unknown| unknown.is_unknown)
    }

    /// The classes and their probabilities, most probable first.
    pub fn ranked(&self) -> Vec<(usize, f32)> {
        let mut ranked: Vec<_> = self.scores.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }
}

impl ClassifierHead {
    /// Creates a head with a name for each of its classes, which are not normalised, and default thresholds.
    ///
    /// # Panics
    /// When the number of names is not the number of classes.
    pub fn new(head: Head, classes: Vec<String>) -> Self {
        assert_eq!(head.classes, classes.len(), "a name for each class");
        let thresholds = match head.task {
            Task::SingleLabel => Vec::new(),
            Task::MultiLabel => vec![UNCHOSEN_THRESHOLD; classes.len()],
        };
        Self { head, classes, thresholds, trust: Trust::default() }
    }

    /// The head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Replaces the head, keeping the classes.
    ///
    /// # Panics
    /// When it is for another number of classes, or another task.
    pub fn set_head(&mut self, head: Head) {
        assert_eq!(head.classes, self.classes.len(), "a name for each class");
        assert_eq!(head.task, self.task(), "thresholds are of another task");
        self.head = head;
    }

    /// The calibration data of its answers.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Sets the calibration data of its answers.
    ///
    /// # Panics
    /// When it is for another number of classes, or another task.
    pub fn set_trust(&mut self, trust: Trust) {
        trust.check(self.task(), self.classes.len()).expect("it is of this head");
        self.trust = trust;
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The kind of decision.
    pub fn task(&self) -> Task {
        self.head.task
    }

    /// For each class, the minimum probability for a picture to get this label; empty unless [`ClassifierHead::task`]
    /// is [`Task::MultiLabel`].
    pub fn thresholds(&self) -> &[f32] {
        &self.thresholds
    }

    /// Sets the thresholds of a classifier for [`Task::MultiLabel`].
    ///
    /// # Panics
    /// When their number is not the number of classes, or for another task.
    pub fn set_thresholds(&mut self, thresholds: Vec<f32>) {
        assert_eq!(thresholds.len(), self.thresholds.len(), "a threshold for each class");
        self.thresholds = thresholds;
    }

    /// Renames the classes.
    ///
    /// # Errors
    /// A description of the problem with the names.
    pub fn set_classes(&mut self, names: &[String]) -> Result<(), String> {
        if names.len() != self.classes.len() {
            return Err(format!("{} names for {} classes", names.len(), self.classes.len()));
        }
        self.classes = class_names(names, self.task())?;
        Ok(())
    }

    /// Calibrated probabilities, n x classes, from features n x dim.
    pub fn probabilities(&self, features: &[f32]) -> Vec<f32> {
        self.probabilities_of(self.head.logits(features))
    }

    /// Calibrated probabilities, n x classes, from the head's logits n x units.
    pub fn probabilities_of(&self, logits: Vec<f32>) -> Vec<f32> {
        self.trust.probabilities(logits, self.task(), self.classes.len())
    }

    /// Returns labels with guaranteed coverage, most probable first, from a picture's calibrated probabilities: the
    /// smallest non-empty set that contains the right one with probability `coverage`; for [`Task::MultiLabel`], all
    /// that cannot be excluded if each is to be in the set of that fraction of the pictures that have it, possibly
    /// none.
    ///
    /// # Errors
    /// The reason why there is no guarantee.
    pub fn label_set(&self, scores: &[f32], coverage: f64) -> Result<Vec<usize>, NoLabelSet> {
        if !(coverage > 0.0 && coverage < 1.0) {
            return Err(NoLabelSet::Coverage(coverage));
        }
        if self.task() == Task::MultiLabel {
            let sets = self.trust.per_label_sets.as_ref().ok_or(NoLabelSet::NotLearned)?;
            return sets.set(scores, coverage).map_err(|(class, few)| NoLabelSet::TooFewOf {
                label: self.classes[class].clone(),
                few,
            });
        }
        let sets = self.trust.sets.as_ref().ok_or(NoLabelSet::NotLearned)?;
        Ok(sets.set(scores, coverage)?)
    }

    /// Checks whether answers with this configuration are possible, once instead of for each picture.
    ///
    /// # Errors
    /// The reason why there is no guarantee.
    pub fn check_answer(&self, config: &AnswerConfig) -> Result<(), NoLabelSet> {
        let even = || vec![1.0 / self.classes.len() as f32; self.classes.len()];
        config.coverage.map_or(Ok(()), |share| self.label_set(&even(), share).map(|_| ()))
    }

    /// Classifies a picture by its features.
    pub fn classify(&self, features: &[f32]) -> Prediction {
        self.classify_as(features, &AnswerConfig::default())
    }

    /// Classifies like [`ClassifierHead::classify`], with the configured content; without a set if its coverage [cannot
    /// be guaranteed](ClassifierHead::check_answer).
    pub fn classify_as(&self, features: &[f32], config: &AnswerConfig) -> Prediction {
        let logits = self.head.logits(features);
        let unknown = self.trust.unknown.as_ref().filter(|_| config.unknown);
        let unknown = unknown.map(|unknown| unknown.verdict(features, &logits));
        let scores = self.probabilities_of(logits);
        let labels = match self.task() {
            Task::SingleLabel => vec![argmax(&scores)],
            Task::MultiLabel => {
                let is_said = |class: &usize| scores[*class] >= self.thresholds[*class];
                let mut labels: Vec<usize> = (0..scores.len()).filter(is_said).collect();
                labels.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                labels
            }
        };
        let set = config.coverage.and_then(|share| self.label_set(&scores, share).ok());
        Prediction { scores, labels, unknown, set }
    }
}
