//! Metrics of a classifier on labelled pictures.

use headstart_engine::head::{argmax, probabilities};
use headstart_predict::{CalibrationFigures, ClassifierHead, UNCHOSEN_THRESHOLD, UnknownFigures};
use headstart_train::metrics::{
    ClassFigures, ConfusionMatrix, average_precision, best_threshold, surprise,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Metrics on labelled pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Names of the classes, in the model's order.
    pub classes: Vec<String>,
    /// The number of pictures.
    pub pictures: usize,
    /// The share of pictures whose class was predicted, or with several labels per picture, whose classes were
    /// predicted exactly (subset accuracy).
    pub accuracy: f64,
    /// Mean cross-entropy in nats; with several labels per picture, also averaged over the classes.
    pub loss: f64,
    /// Precision, recall, F1 and support of each class.
    pub per_class: Vec<ClassFigures>,
    /// The confusion matrix: how often each class (first index) was predicted as each class. Empty with several
    /// labels per picture.
    pub confusion: Vec<Vec<usize>>,
    /// Further metrics with several labels per picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_label: Option<MultiLabelFigures>,
    /// Calibration of the probabilities; `None` in files of earlier versions. It is a little better on the
    /// pictures that the temperature was fitted to than on others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationFigures>,
    /// The expected calibration error before calibration; `None` if the probabilities are not calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ece_uncalibrated: Option<f64>,
    /// The number of pictures that the model takes for unknown; `None` if it cannot detect unknown pictures.
    /// All other metrics ignore this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_away: Option<usize>,
    /// Detection of unknown pictures, if there were some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownEvaluation>,
}

/// How well unknown pictures were distinguished from known ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnknownEvaluation {
    /// The number of unknown pictures.
    pub pictures: usize,
    /// The number of unknown pictures that were detected.
    pub turned_away: usize,
    /// How well the scores separate unknown from known pictures.
    pub figures: UnknownFigures,
}

/// Metrics with several labels per picture. F1, and the precision and recall of each class, depend on
/// thresholds; average precision does not.
///
/// On the pictures that the thresholds were chosen on, metrics that depend on them are a little better than on
/// others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiLabelFigures {
    /// The average precision of each class, as in scikit-learn's `average_precision_score`; `None` for classes
    /// without pictures.
    pub average_precision: Vec<Option<f64>>,
    /// The mean average precision over the classes that have pictures.
    pub mean_average_precision: Option<f64>,
    /// F1 over all pairs of picture and class.
    pub micro_f1: f64,
    /// The mean F1 of the classes.
    pub macro_f1: f64,
    /// The probability of each class from which a picture is given it.
    pub thresholds: Vec<f32>,
}

impl Evaluation {
    /// The metrics of each class as JSON, by class name.
    pub fn per_class_by_name(&self) -> Value {
        let figures = self.classes.iter().zip(&self.per_class);
        let entry = |(name, figures): (&String, &_)| (name.clone(), json!(figures));
        Value::Object(figures.map(entry).collect())
    }

    /// The metrics with several labels per picture as JSON; `None` with one label per picture.
    pub fn multi_label_by_name(&self) -> Option<Value> {
        let figures = self.multi_label.as_ref()?;
        let by_class = |values: Vec<Value>| {
            let pairs = self.classes.iter().cloned().zip(values);
            Value::Object(pairs.collect())
        };
        Some(json!({
            "mean_average_precision": figures.mean_average_precision,
            "micro_f1": figures.micro_f1,
            "macro_f1": figures.macro_f1,
            "subset_accuracy": self.accuracy,
            "average_precision": by_class(figures.average_precision.iter().map(|x| json!(x)).collect()),
            "thresholds": by_class(figures.thresholds.iter().map(|x| json!(x)).collect()),
        }))
    }

    /// Evaluates probabilities `[pictures][classes]` against each picture's label: its class, or the index of
    /// its set of classes. `thresholds` are used for sets of classes.
    pub(crate) fn of(
        classes: &[String],
        thresholds: &[f32],
        labels: &[usize],
        sets: Option<&[Vec<usize>]>,
        probabilities: &[f32],
    ) -> Self {
        let mut evaluation = match sets {
            Some(sets) => Self::of_sets(classes, thresholds, labels, sets, probabilities),
            None => Self::of_one_label(classes, labels, probabilities),
        };
        evaluation.calibration = calibration(classes.len(), labels, sets, probabilities);
        evaluation
    }

    /// Evaluates the logits of a head, `[pictures][units]`, which the head turns into probabilities.
    pub(crate) fn of_logits(
        head: &ClassifierHead,
        labels: &[usize],
        sets: Option<&[Vec<usize>]>,
        logits: Vec<f32>,
    ) -> Self {
        let classes = head.classes();
        let uncalibrated = head.trust().temperature.is_some().then(|| {
            let probabilities = probabilities(&logits, head.task(), classes.len());
            calibration(classes.len(), labels, sets, &probabilities)
        });
        let probabilities = head.probabilities_of(logits);
        Self {
            ece_uncalibrated: uncalibrated.flatten().map(|figures| figures.ece),
            ..Self::of(classes, head.thresholds(), labels, sets, &probabilities)
        }
    }

    fn of_one_label(classes: &[String], labels: &[usize], probabilities: &[f32]) -> Self {
        let rows = probabilities.chunks_exact(classes.len());
        let predicted: Vec<usize> = rows.clone().map(argmax).collect();
        let losses = rows.zip(labels).map(|(row, &label)| surprise(row[label]));
        let matrix = ConfusionMatrix::new(labels, &predicted, classes.len());
        Self {
            classes: classes.to_vec(),
            pictures: labels.len(),
            accuracy: matrix.accuracy(),
            loss: losses.sum::<f64>() / labels.len() as f64,
            per_class: matrix.per_class(),
            confusion: matrix.counts,
            multi_label: None,
            calibration: None,
            ece_uncalibrated: None,
            turned_away: None,
            unknown: None,
        }
    }

    fn of_sets(
        classes: &[String],
        thresholds: &[f32],
        labels: &[usize],
        sets: &[Vec<usize>],
        probabilities: &[f32],
    ) -> Self {
        let (n, count) = (labels.len(), classes.len());
        let mut exact = vec![true; n];
        let (mut loss, mut all) = (0.0, [0; 3]);
        let (mut per_class, mut average) = (Vec::new(), Vec::new());
        for (class, &threshold) in thresholds.iter().enumerate() {
            let scores = column(probabilities, class, count);
            let truth = has_class(labels, sets, class);
            let (mut said, mut right) = (0, 0);
            for ((&score, &is), exact) in scores.iter().zip(&truth).zip(&mut exact) {
                loss += surprise(if is { score } else { 1.0 - score });
                let says = score >= threshold;
                said += usize::from(says);
                right += usize::from(says && is);
                *exact &= says == is;
            }
            let support = truth.iter().filter(|is| **is).count();
            all = [all[0] + said, all[1] + right, all[2] + support];
            per_class.push(ClassFigures::new(said, right, support));
            average.push(average_precision(&scores, &truth));
        }
        let known: Vec<f64> = average.iter().flatten().copied().collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let figures = MultiLabelFigures {
            mean_average_precision: (!known.is_empty()).then_some(mean),
            average_precision: average,
            micro_f1: ClassFigures::new(all[0], all[1], all[2]).f1,
            macro_f1: per_class.iter().map(|class| class.f1).sum::<f64>() / count as f64,
            thresholds: thresholds.to_vec(),
        };
        Self {
            classes: classes.to_vec(),
            pictures: n,
            accuracy: exact.iter().filter(|exact| **exact).count() as f64 / n as f64,
            loss: loss / (n * count) as f64,
            per_class,
            confusion: Vec::new(),
            multi_label: Some(figures),
            calibration: None,
            ece_uncalibrated: None,
            turned_away: None,
            unknown: None,
        }
    }

    /// The mean recall of the classes that have pictures, 0 if none has: scikit-learn's `balanced_accuracy_score`.
    pub fn macro_recall(&self) -> f64 {
        let measured = self.per_class.iter().filter(|figures| figures.support > 0);
        let (sum, n) = measured.fold((0.0, 0), |(sum, n), figures| (sum + figures.recall, n + 1));
        if n == 0 { 0.0 } else { sum / f64::from(n) }
    }

    /// The number of pictures whose class, or exact set of classes, was predicted.
    pub fn correct(&self) -> usize {
        (self.accuracy * self.pictures as f64).round() as usize
    }
}

fn calibration(
    classes: usize,
    labels: &[usize],
    sets: Option<&[Vec<usize>]>,
    probabilities: &[f32],
) -> Option<CalibrationFigures> {
    let Some(sets) = sets else {
        return CalibrationFigures::of_labels(probabilities, labels, classes);
    };
    let has = has_each(labels, sets, classes);
    CalibrationFigures::of_each(probabilities, &has)
}

/// The threshold of each class that maximises F1 on these probabilities, `[n][classes]`.
///
/// It is [`UNCHOSEN_THRESHOLD`] for classes without pictures, and if all pictures have the same score.
pub(crate) fn choose_thresholds(
    labels: &[usize],
    sets: &[Vec<usize>],
    probabilities: &[f32],
    classes: usize,
) -> Vec<f32> {
    let choose = |class: usize| {
        let scores = column(probabilities, class, classes);
        // This happens if a class was not learned: then any threshold up to that score would select all
        // pictures.
        let tells_nothing = scores.iter().all(|&score| score == scores[0]);
        match best_threshold(&scores, &has_class(labels, sets, class)) {
            Some(threshold) if !tells_nothing => threshold,
            _ => UNCHOSEN_THRESHOLD,
        }
    };
    (0..classes).map(choose).collect()
}

fn column(probabilities: &[f32], class: usize, classes: usize) -> Vec<f32> {
    probabilities.iter().skip(class).step_by(classes).copied().collect()
}

/// Whether each picture has each class, `[n][classes]`.
pub(crate) fn has_each(labels: &[usize], sets: &[Vec<usize>], classes: usize) -> Vec<bool> {
    let of = |&label: &usize| {
        let mut has = vec![false; classes];
        sets[label].iter().for_each(|&class| has[class] = true);
        has
    };
    labels.iter().flat_map(of).collect()
}

fn has_class(labels: &[usize], sets: &[Vec<usize>], class: usize) -> Vec<bool> {
    labels.iter().map(|&label| sets[label].contains(&class)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn close(found: f64, expected: &Value) {
        let expected = expected.as_f64().unwrap();
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    /// The fixture is made by `tools/reference/multi_label.py`.
    #[test]
    fn figures_of_several_labels_are_those_of_scikit_learn() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fixtures/head/multi_label_sklearn.json");
        let fixture: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let sets: Vec<Vec<usize>> = serde_json::from_value(fixture["sets"].clone()).unwrap();
        let labels: Vec<usize> = (0..sets.len()).collect();
        let classes = ["a", "b", "c", "d"].map(str::to_owned);
        for case in fixture["cases"].as_array().unwrap() {
            let rows: Vec<Vec<f64>> =
                serde_json::from_value(case["probabilities"].clone()).unwrap();
            let probabilities: Vec<f32> = rows.concat().iter().map(|&p| p as f32).collect();
            let found = Evaluation::of(&classes, &[0.5; 4], &labels, Some(&sets), &probabilities);
            close(found.accuracy, &case["subset_accuracy"]);
            close(found.loss, &case["log_loss"]);
            for (figures, f1) in found.per_class.iter().zip(case["f1"].as_array().unwrap()) {
                close(figures.f1, f1);
            }
            let figures = found.multi_label.unwrap();
            close(figures.mean_average_precision.unwrap(), &case["mean_average_precision"]);
            close(figures.micro_f1, &case["micro_f1"]);
            close(figures.macro_f1, &case["macro_f1"]);
            let expected = case["average_precision"].as_array().unwrap();
            for (found, expected) in figures.average_precision.iter().zip(expected) {
                close(found.unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_class_without_pictures_has_no_average_precision_and_an_even_threshold() {
        let (sets, labels) = ([vec![0], vec![]], [0, 1, 0]);
        let probabilities = [0.9, 0.2, 0.4, 0.1, 0.8, 0.3];
        let thresholds = choose_thresholds(&labels, &sets, &probabilities, 2);
        assert_eq!(thresholds[1], UNCHOSEN_THRESHOLD);
        assert!(thresholds[0] > 0.4 && thresholds[0] <= 0.8);
        assert_eq!(choose_thresholds(&labels, &sets, &[1e-9; 6], 2), [UNCHOSEN_THRESHOLD; 2]);
        let classes = ["a", "b"].map(str::to_owned);
        let found = Evaluation::of(&classes, &thresholds, &labels, Some(&sets), &probabilities);
        let figures = found.multi_label.unwrap();
        assert_eq!(figures.average_precision, [Some(1.0), None]);
        assert_eq!(figures.mean_average_precision, Some(1.0));
        assert_eq!((found.accuracy, figures.micro_f1, figures.macro_f1), (1.0, 1.0, 0.5));
    }
}
