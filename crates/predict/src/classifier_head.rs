//! From features to names of classes.

use headstart_engine::head::{Head, Task, argmax};
use headstart_trust::UnknownScore;

use crate::class_names::class_names;
use crate::{AnswerConfig, NoLabelSet, Trust};

/// The threshold of a label for which none has been chosen.
pub const UNCHOSEN_THRESHOLD: f32 = 0.5;

/// A head and what its classes are called.
#[derive(Clone, Debug)]
pub struct ClassifierHead {
    head: Head,
    classes: Vec<String>,
    /// Of each class, the probability from which on a picture has this label; empty where a picture has
    /// one label.
    thresholds: Vec<f32>,
    trust: Trust,
}

/// What a classifier says of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The probability of each class, in the order of the model's classes.
    pub scores: Vec<f32>,
    /// The labels: the likeliest class; or, of a classifier for [`Task::MultiLabel`], all classes whose
    /// probability reaches their threshold, the likeliest first, which may be none.
    pub labels: Vec<usize>,
    /// Whether the picture is of none of the classes; nothing of a model that cannot tell, or where that
    /// was [not asked for](AnswerConfig::unknown).
    pub unknown: Option<UnknownScore>,
    /// The labels that contain the right ones as often as was [asked for](AnswerConfig::coverage), the
    /// likeliest first; nothing where that was not. Whether the picture is unknown has no say.
    pub set: Option<Vec<usize>>,
}

impl Prediction {
    /// The answer: the likeliest of the labels; nothing where there is none, or the picture is unknown.
    pub fn label(&self) -> Option<usize> {
        self.labels.first().copied().filter(|_| !self.is_unknown())
    }

    /// Whether the picture is taken for one of none of the classes.
    pub fn is_unknown(&self) -> bool {
        self.unknown.is_some_and(|unknown| unknown.is_unknown)
    }

    /// The classes and their probabilities, the likeliest first.
    pub fn ranked(&self) -> Vec<(usize, f32)> {
        let mut ranked: Vec<_> = self.scores.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }
}

impl ClassifierHead {
    /// A head with a name for each of its classes, which are taken as they are, and thresholds that
    /// nobody has chosen.
    ///
    /// # Panics
    /// When there is not a name for each class.
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

    /// Gives the same classes another head.
    ///
    /// # Panics
    /// When it is for another number of classes, or another task.
    pub fn set_head(&mut self, head: Head) {
        assert_eq!(head.classes, self.classes.len(), "a name for each class");
        assert_eq!(head.task, self.task(), "thresholds are of another task");
        self.head = head;
    }

    /// What it knows of its answers.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Sets what it knows of its answers.
    ///
    /// # Panics
    /// When that is of another number of classes, or another task.
    pub fn set_trust(&mut self, trust: Trust) {
        trust.check(self.task(), self.classes.len()).expect("it is of this head");
        self.trust = trust;
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What it says of a picture.
    pub fn task(&self) -> Task {
        self.head.task
    }

    /// Of each class, the probability from which on a picture has this label; empty unless
    /// [`ClassifierHead::task`] is [`Task::MultiLabel`].
    pub fn thresholds(&self) -> &[f32] {
        &self.thresholds
    }

    /// Sets the thresholds of a classifier for [`Task::MultiLabel`].
    ///
    /// # Panics
    /// When there is not one for each class, or the task is another.
    pub fn set_thresholds(&mut self, thresholds: Vec<f32>) {
        assert_eq!(thresholds.len(), self.thresholds.len(), "a threshold for each class");
        self.thresholds = thresholds;
    }

    /// Renames the classes.
    ///
    /// # Errors
    /// What is wrong with the names.
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

    /// Labels with a promise, the likeliest first, from a picture's calibrated probabilities: the smallest
    /// set that contains the right one in a share `coverage` of cases, and at least one; of
    /// [`Task::MultiLabel`], all that cannot be excluded if each is to be in the set of that share of the
    /// pictures that have it, which may be none.
    ///
    /// # Errors
    /// Why nothing can be promised.
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

    /// Whether it can answer like this: better known once than of each picture.
    ///
    /// # Errors
    /// Why nothing can be promised.
    pub fn check_answer(&self, config: &AnswerConfig) -> Result<(), NoLabelSet> {
        let even = || vec![1.0 / self.classes.len() as f32; self.classes.len()];
        config.coverage.map_or(Ok(()), |share| self.label_set(&even(), share).map(|_| ()))
    }

    /// What it makes of one picture's features.
    pub fn classify(&self, features: &[f32]) -> Prediction {
        self.classify_as(features, &AnswerConfig::default())
    }

    /// [`ClassifierHead::classify`] with an answer as asked for; it has no set where that
    /// [cannot be promised](ClassifierHead::check_answer).
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
