//! The metrics of each class.

use headstart::predict::Task;
use headstart::train::metrics::average_precision;
use headstart::{Classifier, Evaluation};

use super::judged::Judged;

/// A row of the table of classes.
pub(super) struct ClassRow {
    pub(super) name: String,
    /// Number of training pictures, if known.
    pub(super) train: Option<usize>,
    /// Number of evaluated pictures.
    pub(super) support: usize,
    pub(super) precision: String,
    pub(super) recall: String,
    pub(super) f1: String,
    pub(super) average_precision: String,
    /// Percentages of the largest class's numbers of training and evaluated pictures.
    pub(super) bars: (String, String),
}

pub(super) fn rows(
    classifier: &Classifier,
    evaluation: &Evaluation,
    judged: &Judged,
) -> Vec<ClassRow> {
    let record = classifier.training();
    let learned = record.map_or(&[][..], |record| match &record.fine_tune {
        Some(tuned) if !tuned.train_per_class.is_empty() => &tuned.train_per_class,
        _ => &record.train_per_class,
    });
    let classes = evaluation.classes.len();
    let total = |class: usize| {
        learned.get(class).copied().unwrap_or(0) + evaluation.per_class[class].support
    };
    let largest = (0..classes).map(total).max().unwrap_or(0).max(1);
    let bar = |pictures: usize| format!("{:.1}", 100.0 * pictures as f64 / largest as f64);
    let row = |class: usize| {
        let figures = &evaluation.per_class[class];
        let average = match (judged.task, &evaluation.multi_label) {
            (Task::MultiLabel, Some(figures)) => figures.average_precision[class],
            _ => of_class(judged, class),
        };
        let train = learned.get(class).copied();
        // A class without pictures has no metrics.
        let number = |value: f64| match figures.support {
            0 => "–".to_owned(),
            _ => format!("{value:.3}"),
        };
        ClassRow {
            name: evaluation.classes[class].clone(),
            train,
            support: figures.support,
            precision: number(figures.precision),
            recall: number(figures.recall),
            f1: number(figures.f1),
            average_precision: number(average.unwrap_or(0.0)),
            bars: (bar(train.unwrap_or(0)), bar(figures.support)),
        }
    };
    (0..classes).map(row).collect()
}

/// Average precision of a class against all others.
fn of_class(judged: &Judged, class: usize) -> Option<f64> {
    let scores: Vec<f32> =
        judged.scores.iter().skip(class).step_by(judged.classes.len()).copied().collect();
    let truth: Vec<bool> =
        (0..judged.each.len()).map(|picture| judged.truth(picture).contains(&class)).collect();
    average_precision(&scores, &truth)
}
