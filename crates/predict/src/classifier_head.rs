//! From features to names of classes.

use headstart_engine::head::{Head, Task, argmax};

use crate::class_names::class_names;

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
}

/// What a classifier says of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The probability of each class, in the order of the model's classes.
    pub scores: Vec<f32>,
    /// The labels: the likeliest class; or, of a classifier for [`Task::MultiLabel`], all classes whose
    /// probability reaches their threshold, the likeliest first, which may be none.
    pub labels: Vec<usize>,
}

impl Prediction {
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
        Self { head, classes, thresholds }
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

    /// What it makes of one picture's features.
    pub fn classify(&self, features: &[f32]) -> Prediction {
        let scores = self.head.probabilities(features);
        let labels = match self.task() {
            Task::SingleLabel => vec![argmax(&scores)],
            Task::MultiLabel => {
                let is_said = |class: &usize| scores[*class] >= self.thresholds[*class];
                let mut labels: Vec<usize> = (0..scores.len()).filter(is_said).collect();
                labels.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                labels
            }
        };
        Prediction { scores, labels }
    }
}
