//! The answers of a classifier, picture by picture.

use headstart_data::{Facts, Location, PictureLabels};
use headstart_engine::head::{Task, argmax};
use headstart_predict::{ClassifierHead, UnknownScore};

use crate::pictures::LabelSets;
use crate::trust::Unseen;

/// The answers of a classifier for some pictures, each with the right answer if known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// The pictures.
    pub pictures: Vec<Answered>,
    /// The logits of the head, `[pictures][units]`.
    /// [`Classifier::probabilities`](crate::Classifier::probabilities) turns them into scores.
    pub logits: Vec<f32>,
    /// Each picture's class, or the index of its set of classes; empty for unlabelled pictures and for unknown
    /// ones.
    pub(crate) labels: Vec<usize>,
    pub(crate) label_sets: Option<LabelSets>,
}

/// A picture that a classifier has answered for.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The location of the picture.
    pub at: Location,
    /// What the picture looks like; `None` if only features were given.
    pub appearance: Option<Appearance>,
    /// The score for being of none of the classes; `None` if the model cannot detect unknown pictures.
    pub unknown: Option<UnknownScore>,
}

/// What a picture looks like, from [`Facts`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Appearance {
    /// Width of the upright picture, in pixels.
    pub width: u32,
    /// Height of the upright picture, in pixels.
    pub height: u32,
    /// Mean luma, 0 to 255.
    pub luma: f32,
    /// Blur, from 0 (sharp) to 1.
    pub blur: f32,
}

impl Answered {
    /// A picture without a score yet.
    pub(crate) fn new(at: &Location, appearance: Option<Appearance>) -> Self {
        Self { at: at.clone(), appearance, unknown: None }
    }
}

impl From<&Facts> for Appearance {
    fn from(facts: &Facts) -> Self {
        let &Facts { width, height, luma, blur, .. } = facts;
        Self { width, height, luma, blur }
    }
}

impl Answers {
    /// The answers for labelled pictures, without scores for unknown pictures yet.
    pub(crate) fn of_labelled(pictures: Vec<Answered>, said: &Unseen) -> Self {
        Self {
            pictures,
            logits: said.logits.clone(),
            labels: said.labels.clone(),
            label_sets: said.label_sets.clone(),
        }
    }

    /// The score of each picture for being of none of the classes; empty if the model cannot detect unknown
    /// pictures.
    pub fn unknown(&self) -> impl Iterator<Item = UnknownScore> {
        self.pictures.iter().filter_map(|picture| picture.unknown)
    }

    /// Sets the score of each picture for being of none of the classes.
    pub(crate) fn set_unknown(&mut self, scores: Vec<UnknownScore>) {
        for (picture, score) in self.pictures.iter_mut().zip(scores) {
            picture.unknown = Some(score);
        }
    }

    /// Whether the right answers are known.
    pub fn are_labelled(&self) -> bool {
        !self.labels.is_empty()
    }

    /// The right classes of a picture; empty if none is known or it is of none of the classes.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn classes_of(&self, picture: usize) -> &[usize] {
        assert!(picture < self.pictures.len(), "there is no picture {picture}");
        if self.labels.is_empty() {
            return &[];
        }
        PictureLabels::new(&self.labels, self.label_sets.as_deref()).classes_of(picture)
    }
}

/// How correct probabilities are for a picture of classes `own`: 1 or 0, or with several labels the share of
/// classes that a threshold of 0.5 gets right.
pub(crate) fn right_share(task: Task, said: &[f32], own: &[usize]) -> f64 {
    match task {
        Task::SingleLabel => f64::from(u8::from(argmax(said) == own[0])),
        Task::MultiLabel => {
            let agrees = |class: &usize| (said[*class] >= 0.5) == own.contains(class);
            (0..said.len()).filter(agrees).count() as f64 / said.len() as f64
        }
    }
}

/// [`right_share`] of each answered picture.
pub(crate) fn right_shares(answers: &Answers, head: &ClassifierHead) -> Vec<f64> {
    let said = head.probabilities_of(answers.logits.clone());
    let each = said.chunks_exact(head.classes().len()).enumerate();
    each.map(|(picture, said)| right_share(head.task(), said, answers.classes_of(picture)))
        .collect()
}
