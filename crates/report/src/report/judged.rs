//! Compares a classifier's predictions with the true labels.

use headstart::engine::head::{argmax, probabilities};
use headstart::predict::Task;
use headstart::train::metrics::surprise;
use headstart::{Answered, Answers, Classifier};

/// Predictions, each compared with the true labels.
pub(super) struct Judged<'a> {
    pub(super) classes: &'a [String],
    pub(super) task: Task,
    pub(super) answers: &'a Answers,
    /// Calibrated probabilities, `[pictures][classes]`.
    pub(super) scores: Vec<f32>,
    /// The probabilities before calibration, if there is one.
    pub(super) uncalibrated: Option<Vec<f32>>,
    pub(super) each: Vec<Judgement>,
}

/// The prediction for a picture.
pub(super) struct Judgement {
    /// The predicted classes, the likeliest first.
    pub(super) said: Vec<usize>,
    pub(super) right: bool,
    /// The cross-entropy in nats.
    pub(super) loss: f64,
    /// The uncertainty of the prediction, from 0 to 1: one minus the probability of the likeliest class or, in a
    /// multi-label task, the mean entropy in bits.
    pub(super) doubt: f64,
}

impl<'a> Judged<'a> {
    pub(super) fn new(classifier: &'a Classifier, answers: &'a Answers) -> Self {
        let scores = classifier.probabilities(answers.logits.clone());
        let (task, count) = (classifier.task(), classifier.classes().len());
        let plain = || probabilities(&answers.logits, task, count);
        let uncalibrated = classifier.trust().temperature.is_some().then(plain);
        let classes = classifier.classes();
        let rows = scores.chunks_exact(classes.len()).enumerate();
        let judged = |(picture, row): (usize, &[f32])| match task {
            Task::SingleLabel => one_label(row, answers.classes_of(picture)),
            Task::MultiLabel => several(row, answers.classes_of(picture), classifier.thresholds()),
        };
        let each = rows.map(judged).collect();
        Self { classes, task, answers, scores, uncalibrated, each }
    }

    pub(super) fn picture(&self, picture: usize) -> &'a Answered {
        &self.answers.pictures[picture]
    }

    /// The likeliest predicted class or, if none is predicted, the likeliest class.
    pub(super) fn likeliest(&self, picture: usize) -> usize {
        let said = self.each[picture].said.first();
        said.copied().unwrap_or_else(|| argmax(self.scores_of(picture)))
    }

    pub(super) fn scores_of(&self, picture: usize) -> &[f32] {
        let classes = self.classes.len();
        &self.scores[picture * classes..][..classes]
    }

    pub(super) fn truth(&self, picture: usize) -> &'a [usize] {
        self.answers.classes_of(picture)
    }

    pub(super) fn is_unknown(&self, picture: usize) -> bool {
        self.picture(picture).unknown.is_some_and(|unknown| unknown.is_unknown)
    }

    /// The pictures that satisfy `is`, with the largest values first, at most `most`.
    pub(super) fn first(
        &self,
        most: usize,
        is: impl Fn(usize) -> bool,
        value: impl Fn(usize) -> f64,
    ) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.each.len()).filter(|&picture| is(picture)).collect();
        found.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
        found.truncate(most);
        found
    }

    /// Probabilities, each with whether the class is a true label: of the likeliest class of each picture or, in a
    /// multi-label task, of every class of every picture.
    pub(super) fn predictions(&self, scores: &[f32]) -> Vec<(f32, bool)> {
        let rows = scores.chunks_exact(self.classes.len()).enumerate();
        match self.task {
            Task::SingleLabel => {
                let of = |(picture, row): (usize, &[f32])| {
                    let said = self.each[picture].said[0];
                    (row[said], self.truth(picture).contains(&said))
                };
                rows.map(of).collect()
            }
            Task::MultiLabel => {
                let of = |(picture, row): (usize, &[f32])| -> Vec<(f32, bool)> {
                    let truth = self.truth(picture);
                    let each = row.iter().enumerate();
                    each.map(|(class, &score)| (score, truth.contains(&class))).collect()
                };
                rows.flat_map(of).collect()
            }
        }
    }
}

fn one_label(scores: &[f32], truth: &[usize]) -> Judgement {
    let likeliest = argmax(scores);
    Judgement {
        said: vec![likeliest],
        right: truth == [likeliest],
        loss: truth.first().map_or(0.0, |&class| surprise(scores[class])),
        doubt: 1.0 - f64::from(scores[likeliest]),
    }
}

fn several(scores: &[f32], truth: &[usize], thresholds: &[f32]) -> Judgement {
    let mut said: Vec<usize> =
        (0..scores.len()).filter(|&class| scores[class] >= thresholds[class]).collect();
    said.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let right = said.len() == truth.len() && truth.iter().all(|class| said.contains(class));
    let (mut loss, mut entropy) = (0.0, 0.0);
    for (class, &score) in scores.iter().enumerate() {
        loss += surprise(if truth.contains(&class) { score } else { 1.0 - score });
        entropy += [score, 1.0 - score].map(|p| f64::from(p) * surprise(p)).iter().sum::<f64>();
    }
    let classes = scores.len() as f64;
    Judgement {
        said,
        right,
        loss: loss / classes,
        doubt: entropy / std::f64::consts::LN_2 / classes,
    }
}
