//! How well a classifier does on labelled pictures.

use headstart_engine::head::{argmax, probabilities};
use headstart_predict::{CalibrationFigures, ClassifierHead, UNCHOSEN_THRESHOLD, UnknownFigures};
use headstart_train::metrics::{
    ClassFigures, ConfusionMatrix, average_precision, best_threshold, surprise,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Figures over labelled pictures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Names of the classes, in the model's order.
    pub classes: Vec<String>,
    /// How many pictures.
    pub pictures: usize,
    /// Share of the pictures whose class was predicted, or, where they may have several, exactly whose
    /// classes were (subset accuracy).
    pub accuracy: f64,
    /// Mean cross-entropy in nats; where pictures may have several classes, the mean over these, too.
    pub loss: f64,
    /// Precision, recall, F1 and support of each class.
    pub per_class: Vec<ClassFigures>,
    /// How often each class (first index) was taken for each; empty where pictures may have several.
    pub confusion: Vec<Vec<usize>>,
    /// What else there is of pictures that may have several classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_label: Option<MultiLabelFigures>,
    /// How far the probabilities are from meaning what they say; not known of files of earlier versions. On
    /// the pictures that a temperature was learned on it is a little better than on others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationFigures>,
    /// The expected calibration error before the probabilities were calibrated; nothing where they are
    /// not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ece_uncalibrated: Option<f64>,
    /// How many of the pictures the model takes for ones of none of its classes; nothing of a model that
    /// cannot tell. All other figures are as if it took none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turned_away: Option<usize>,
    /// How pictures of none of the classes were told from these, where there were some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownEvaluation>,
}

/// How pictures of none of the classes were told from known ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnknownEvaluation {
    /// How many there were.
    pub pictures: usize,
    /// How many of them were turned away.
    pub turned_away: usize,
    /// How well the scores part the two.
    pub figures: UnknownFigures,
}

/// Figures over pictures that may have any number of classes. Those of F1, and precision and recall of
/// each class, are at thresholds; average precision is not.
///
/// On the pictures that thresholds were chosen on, figures at these are a little better than on others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultiLabelFigures {
    /// Of each class, scikit-learn's `average_precision_score`; nothing of one without pictures.
    pub average_precision: Vec<Option<f64>>,
    /// Its mean over the classes that have pictures.
    pub mean_average_precision: Option<f64>,
    /// F1 over all pairs of picture and class.
    pub micro_f1: f64,
    /// The mean of the classes' F1.
    pub macro_f1: f64,
    /// Of each class, the probability from which on a picture has it.
    pub thresholds: Vec<f32>,
}

impl Evaluation {
    /// The figures of each class as JSON, by its name.
    pub fn per_class_by_name(&self) -> Value {
        let figures = self.classes.iter().zip(&self.per_class);
        let entry = |(name, figures): (&String, &_)| (name.clone(), json!(figures));
        Value::Object(figures.map(entry).collect())
    }

    /// The figures of pictures that may have several labels as JSON; nothing of others.
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

    /// From each picture's label (its class, or the index of its set of classes) and its probabilities
    /// `[pictures][classes]`; of sets of classes at these thresholds.
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

    /// Of a head's logits on pictures, `[pictures][units]`, that become probabilities as the head has it.
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

    /// How many pictures were predicted to be of their class, or of exactly their classes.
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

/// Of each class, the probability from which on to take pictures as of it, so that F1 is largest on these,
/// n x classes; an even one where none of them is, or where all are as likely.
pub(crate) fn choose_thresholds(
    labels: &[usize],
    sets: &[Vec<usize>],
    probabilities: &[f32],
    classes: usize,
) -> Vec<f32> {
    let choose = |class: usize| {
        let scores = column(probabilities, class, classes);
        // Of a class that was not learned, say: the least of chances would be enough.
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

/// Whether each picture has each class, n x classes.
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

    /// `tools/reference/multi_label.py` makes the fixture.
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
