//! The live head, and its performance on pictures that it was not trained on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use headstart::predict::ClassifierHead;
use headstart::{Answers, Classifier, Evaluation, FitReport};
use serde::Serialize;

use super::advice::Advice;
use crate::folder::within;

/// The number of pictures that are shown per pair of confused classes.
const SHOWN: usize = 60;
/// The number of cells of the confusion matrix that are sent.
const CELLS: usize = 12;
/// The number of pictures below which an accuracy would be chance.
const FEWEST: usize = 10;

/// The head that was fitted to the pictures of a revision.
#[derive(Debug)]
pub(crate) struct Learned {
    pub(crate) classifier: Classifier,
    /// The out-of-fold answers for each picture, if there are any.
    pub(crate) answers: Option<Arc<Answers>>,
    pub(crate) view: LearnedView,
}

impl Learned {
    /// The head that answers live.
    pub(crate) fn head(&self) -> &ClassifierHead {
        self.classifier.classifier_head()
    }
}

/// The same, as sent to the page.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LearnedView {
    pub(crate) revision: u64,
    pub(crate) pictures: usize,
    pub(crate) accuracy: Option<f64>,
    /// The 95 % confidence interval of the accuracy.
    pub(crate) interval: Option<[f64; 2]>,
    /// Why there is no accuracy, if so.
    pub(crate) why: Option<String>,
    pub(crate) classes: Vec<ClassFigures>,
    /// `confusion[true][predicted]`: numbers of pictures, by out-of-fold answers.
    pub(crate) confusion: Vec<Vec<usize>>,
    /// The largest cells off the diagonal.
    pub(crate) confused: Vec<Confused>,
    pub(crate) advice: Vec<Advice>,
    pub(crate) seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ClassFigures {
    pub(crate) name: String,
    pub(crate) pictures: usize,
    precision: f64,
    recall: f64,
    f1: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Confused {
    #[serde(rename = "true")]
    pub(crate) own: String,
    pub(crate) predicted: String,
    /// The number of such pictures.
    pub(crate) count: usize,
    /// The paths of the first of them.
    pub(crate) paths: Vec<String>,
}

impl LearnedView {
    /// The view of a fitted head.
    pub(super) fn new(
        root: &Path,
        classifier: &Classifier,
        report: &FitReport,
        (revision, seconds): (u64, f64),
    ) -> Self {
        let names = classifier.classes();
        let counts = classifier.training().map(|record| record.train_per_class.clone());
        let counts = counts.unwrap_or_default();
        let mut view = Self { revision, pictures: report.train, seconds, ..Self::default() };
        let none = |(name, &pictures): (&String, &usize)| {
            let (name, precision, recall, f1) = (name.clone(), 0.0, 0.0, 0.0);
            ClassFigures { name, pictures, precision, recall, f1 }
        };
        view.classes = names.iter().zip(&counts).map(none).collect();
        let measured = report.out_of_fold.as_ref();
        match measured.filter(|measured| measured.evaluation.pictures >= FEWEST) {
            Some(measured) => {
                view.measure(&measured.evaluation);
                view.confuse(root, classifier, &measured.answers);
            }
            None => {
                let why =
                    "It takes a few more pictures of each class to say how often it is right.";
                view.why = Some(why.to_owned());
            }
        }
        view
    }

    fn measure(&mut self, evaluation: &Evaluation) {
        self.accuracy = Some(evaluation.accuracy);
        self.interval = Some(wilson(evaluation.correct(), evaluation.pictures));
        self.confusion.clone_from(&evaluation.confusion);
        for (class, figures) in self.classes.iter_mut().zip(&evaluation.per_class) {
            class.precision = figures.precision;
            class.recall = figures.recall;
            class.f1 = figures.f1;
        }
    }

    fn confuse(&mut self, root: &Path, classifier: &Classifier, answers: &Answers) {
        let names = classifier.classes();
        let scores = classifier.probabilities(answers.logits.clone());
        let mut cells: BTreeMap<(usize, usize), Vec<(f32, String)>> = BTreeMap::new();
        for (picture, scores) in scores.chunks_exact(names.len()).enumerate() {
            let predicted = largest(scores);
            let own = answers.classes_of(picture)[0];
            if predicted != own {
                let path = within(root, &answers.pictures[picture].at.path());
                let path = path.unwrap_or_default();
                cells.entry((own, predicted)).or_default().push((scores[predicted], path));
            }
        }
        let mut cells: Vec<_> = cells.into_iter().collect();
        cells.sort_by_key(|(cell, pictures)| (std::cmp::Reverse(pictures.len()), *cell));
        cells.truncate(CELLS);
        self.confused = cells
            .into_iter()
            .map(|((own, predicted), mut pictures)| {
                // The most confident errors first.
                pictures.sort_by(|a, b| b.0.total_cmp(&a.0));
                let count = pictures.len();
                let paths = pictures.into_iter().take(SHOWN).map(|(_, path)| path).collect();
                let (own, predicted) = (names[own].clone(), names[predicted].clone());
                Confused { own, predicted, count, paths }
            })
            .collect();
    }
}

fn largest(scores: &[f32]) -> usize {
    let first = |best: usize, at: usize| if scores[at] > scores[best] { at } else { best };
    (0..scores.len()).fold(0, first)
}

/// Wilson's interval of a proportion, at 95 %.
fn wilson(right: usize, all: usize) -> [f64; 2] {
    const Z: f64 = 1.959_963_984_540_054;
    let (n, p) = (all as f64, right as f64 / all as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    // The interval contains the proportion itself, even if rounding would exclude it.
    [((middle - half) / scale).clamp(0.0, p), ((middle + half) / scale).clamp(p, 1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        // scipy.stats.binomtest(right, all).proportion_ci(method="wilson"), SciPy 1.17.1.
        for (right, all, low, high) in [
            (9, 10, 0.595_849_973_204_761_5, 0.982_123_786_904_927_1),
            (10, 10, 0.722_467_200_137_110_9, 1.0),
            (0, 12, 0.0, 0.242_494_006_655_240_85),
            (455, 500, 0.881_690_588_710_666_6, 0.932_057_452_110_860_6),
        ] {
            let [found_low, found_high] = wilson(right, all);
            assert!(
                (found_low - low).abs() < 1e-12 && (found_high - high).abs() < 1e-12,
                "{right}/{all}: {found_low} {found_high}"
            );
        }
    }
}
