//! What a classifier says of pictures, one by one.

use headstart_data::{Facts, Location, PictureLabels};
use headstart_engine::head::{Task, argmax};
use headstart_predict::{ClassifierHead, UnknownScore};

use crate::pictures::LabelSets;
use crate::trust::Unseen;

/// What a classifier says of some pictures, each with its right answer where that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// The pictures.
    pub pictures: Vec<Answered>,
    /// The head's logits, `[pictures][units]`: [`Classifier::probabilities`](crate::Classifier::probabilities)
    /// turns them into scores.
    pub logits: Vec<f32>,
    /// Each picture's class, or the index of its set of classes; empty of pictures of none of the classes.
    pub(crate) labels: Vec<usize>,
    pub(crate) label_sets: Option<LabelSets>,
}

/// A picture that a classifier was asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Where it is.
    pub at: Location,
    /// What it looks like; nothing of one of which there were features alone.
    pub appearance: Option<Appearance>,
    /// Whether it is of none of the classes; nothing of a model that cannot tell.
    pub unknown: Option<UnknownScore>,
}

/// What a picture looks like, in figures of [`Facts`].
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
    /// A picture that nothing is said of yet.
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
    /// Of pictures that are labelled, whom nobody has asked about being unknown yet.
    pub(crate) fn of_labelled(pictures: Vec<Answered>, said: &Unseen) -> Self {
        Self {
            pictures,
            logits: said.logits.clone(),
            labels: said.labels.clone(),
            label_sets: said.label_sets.clone(),
        }
    }

    /// Whether each picture is of none of the classes; nothing of a model that cannot tell.
    pub fn unknown(&self) -> impl Iterator<Item = UnknownScore> {
        self.pictures.iter().filter_map(|picture| picture.unknown)
    }

    /// Keeps whether each picture is of none of the classes.
    pub(crate) fn set_unknown(&mut self, scores: Vec<UnknownScore>) {
        for (picture, score) in self.pictures.iter_mut().zip(scores) {
            picture.unknown = Some(score);
        }
    }

    /// Whether it is known what is right.
    pub fn are_labelled(&self) -> bool {
        !self.labels.is_empty()
    }

    /// The classes of a picture; none of one that is of none of the classes.
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

/// How right probabilities are of a picture of these classes: 1 or 0, or of several labels the share of labels.
pub(crate) fn right_share(task: Task, said: &[f32], own: &[usize]) -> f64 {
    match task {
        Task::SingleLabel => f64::from(u8::from(argmax(said) == own[0])),
        Task::MultiLabel => {
            let agrees = |class: &usize| (said[*class] >= 0.5) == own.contains(class);
            (0..said.len()).filter(agrees).count() as f64 / said.len() as f64
        }
    }
}

/// [`right_share`] of each of the pictures that a head has answered about.
pub(crate) fn right_shares(answers: &Answers, head: &ClassifierHead) -> Vec<f64> {
    let said = head.probabilities_of(answers.logits.clone());
    let each = said.chunks_exact(head.classes().len()).enumerate();
    each.map(|(picture, said)| right_share(head.task(), said, answers.classes_of(picture)))
        .collect()
}
