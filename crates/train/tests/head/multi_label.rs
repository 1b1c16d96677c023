//! Compares multi-label training with scikit-learn's one-vs-rest heads and Keras's training.

use headstart_engine::Isa;
use headstart_train::metrics::{average_precision, best_threshold};
use headstart_train::{
    AdamConfig, ClassWeight, Head, LogisticConfig, LogisticFit, Samples, Strength, Task,
    TrainError, fit_adam_from, fit_logistic, out_of_fold,
};
use serde_json::Value;

use headstart_train::head::{evaluate, untrained};

use crate::fixtures::{
    Data, go_on, narrow, numbers, read, relative_error, uniform, wide, with_threads,
};

const DIM: usize = 24;
const CLASSES: usize = 4;

/// The sets of classes of the fixture's samples, and the index of each sample's set.
fn fixture_sets() -> (Vec<Vec<usize>>, Vec<usize>) {
    let sets = read("head/multi_label_sklearn.json")["sets"].clone();
    let sets: Vec<Vec<usize>> = serde_json::from_value(sets).unwrap();
    let labels = (0..sets.len()).collect();
    (sets, labels)
}

fn with_sets<'a>(samples: Samples<'a>, sets: &'a [Vec<usize>]) -> Samples<'a> {
    Samples { label_sets: Some(sets), ..samples }
}

fn fit(samples: &Samples, config: &LogisticConfig) -> LogisticFit {
    let fit = fit_logistic(samples, None, config, Isa::best(), &mut go_on).unwrap();
    assert_eq!(fit.head.task, Task::MultiLabel);
    assert!(fit.head.kernel.iter().chain(&fit.head.bias).all(|w| w.is_finite()));
    fit
}

fn class_weight(case: &Value) -> ClassWeight {
    match &case["class_weight"] {
        Value::Null => ClassWeight::Uniform,
        Value::String(_) => ClassWeight::Balanced,
        weights => ClassWeight::Given(narrow(weights)),
    }
}

#[test]
fn coefficients_of_each_class_are_those_of_one_vs_rest() {
    let data = Data::read();
    let (x, mean, scale) = (data.f32("x"), data.f64("mean"), data.f64("scale"));
    let (sets, labels) = fixture_sets();
    let samples = with_sets(Samples::new(&x, DIM, &labels, CLASSES), &sets);
    let cases = read("head/multi_label_sklearn.json")["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 7);
    for case in &cases {
        let weights = case["sample_weight"].as_array().map(|_| narrow(&case["sample_weight"]));
        let config = LogisticConfig {
            strength: Strength::Fixed(case["C"].as_f64().unwrap()),
            class_weight: class_weight(case),
            tolerance: 1e-7,
            ..LogisticConfig::default()
        };
        let fit = fit(&Samples { weights: weights.as_deref(), ..samples }, &config);
        let (mut coefficients, mut intercepts) = (Vec::new(), Vec::new());
        for unit in 0..CLASSES {
            let column = (0..DIM).map(|row| f64::from(fit.head.kernel[row * CLASSES + unit]));
            coefficients.extend(column.clone().zip(&scale).map(|(w, scale)| w * scale));
            let shift: f64 = column.zip(&mean).map(|(w, mean)| w * mean).sum();
            intercepts.push(f64::from(fit.head.bias[unit]) + shift);
        }
        let what = format!("C {}, {}", case["C"], case["class_weight"]);
        let error = relative_error(&coefficients, &numbers(&case["coef"]));
        assert!(error < 1e-4, "coefficients off by {error} in {what}");
        let error = relative_error(&intercepts, &numbers(&case["intercept"]));
        assert!(error < 1e-4, "intercepts off by {error} in {what}");
        for (found, expected) in
            fit.head.probabilities(&x).iter().zip(numbers(&case["probabilities"]))
        {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-4,
                "{found} for {expected} in {what}"
            );
        }
        let (loss, accuracy) = evaluate(&fit.head, &samples).unwrap();
        assert!((loss - case["log_loss"].as_f64().unwrap()).abs() < 1e-5, "{loss} in {what}");
        let expected = case["binary_accuracy"].as_f64().unwrap();
        assert!((accuracy - expected).abs() < 1e-9, "{accuracy} for {expected} in {what}");
    }
}

#[test]
fn epochs_and_weights_are_those_of_keras_fit() {
    let data = Data::read();
    let x = data.f32("x_standardised");
    let (sets, labels) = fixture_sets();
    let fixture = read("head/multi_label_keras.json");
    let cases = fixture["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let head = Head {
            hidden: Vec::new(),
            kernel: narrow(&fixture["start_kernel"]),
            bias: narrow(&fixture["start_bias"]),
            classes: CLASSES,
            dropout: 0.0,
            task: Task::MultiLabel,
        };
        let config = AdamConfig {
            learning_rate: 0.01,
            epochs: 5,
            dropout: 0.0,
            shuffle: false,
            label_smoothing: case["label_smoothing"].as_f64().unwrap() as f32,
            ..AdamConfig::default()
        };
        let weights = case["sample_weight"].as_array().map(|_| narrow(&case["sample_weight"]));
        let samples = with_sets(Samples::new(&x, DIM, &labels, CLASSES), &sets);
        let weighted = Samples { weights: weights.as_deref(), ..samples };
        let (head, history) = fit_adam_from(head, &weighted, None, &config, &mut go_on).unwrap();
        for (epoch, expected) in history.epochs.iter().zip(numbers(&case["epoch_losses"])) {
            assert!((epoch.loss - expected).abs() < 1e-5, "{} for {expected}", epoch.loss);
        }
        assert!(relative_error(&wide(&head.kernel), &numbers(&case["final_kernel"])) < 1e-5);
        assert!(relative_error(&wide(&head.bias), &numbers(&case["final_bias"])) < 1e-5);
        let (_, accuracy) = evaluate(&head, &samples).unwrap();
        let expected = case["final_binary_accuracy"].as_f64().unwrap();
        assert!((accuracy - expected).abs() < 1e-6, "{accuracy} for {expected}");
    }
}

/// n samples of three classes, the presence of each determined by a feature and chance.
fn independent(n: usize, dim: usize) -> (Vec<f32>, Vec<Vec<usize>>, Vec<usize>) {
    let x = uniform(n * dim, 3);
    let chance = uniform(n * 3, 4);
    let is_there =
        |row: usize, class: usize| x[row * dim + class] + 0.5 * chance[row * 3 + class] > 0.3;
    let sets = (0..8).map(|bits| (0..3).filter(|class| bits >> class & 1 == 1).collect()).collect();
    let label = |row| (0..3).filter(|&class| is_there(row, class)).map(|class| 1 << class).sum();
    let labels = (0..n).map(label).collect();
    (x, sets, labels)
}

#[test]
fn the_same_seed_gives_the_same_bits_whatever_the_threads() {
    let (x, sets, labels) = independent(700, 40);
    let samples = with_sets(Samples::new(&x, 40, &labels, 3), &sets);
    let run = |threads| with_threads(threads, || fit(&samples, &LogisticConfig::default()));
    let (one, two) = (run(1), run(2));
    assert_eq!((one.head, one.trials, one.steps), (two.head, two.trials, two.steps));
}

#[test]
fn the_strength_chosen_predicts_better_than_the_ends_of_the_path() {
    let (x, sets, labels) = independent(1400, 60);
    let all = with_sets(Samples::new(&x, 60, &labels, 3), &sets);
    let train = Samples { features: x[..300 * 60].into(), labels: &labels[..300], ..all };
    let test = Samples { features: x[300 * 60..].into(), labels: &labels[300..], ..all };
    let loss = |strength| {
        let config = LogisticConfig { strength, ..LogisticConfig::default() };
        let fit = fit_logistic(&train, Some(&test), &config, Isa::best(), &mut go_on).unwrap();
        fit.history.epochs[0].val_loss.unwrap()
    };
    let auto = loss(Strength::Auto);
    assert!(auto < loss(Strength::Fixed(1e-5)) && auto < loss(Strength::Fixed(1e3)));
    let powers = (-8..8).map(|power| loss(Strength::Fixed(10f64.powf(f64::from(power) / 2.0))));
    let best = powers.fold(f64::INFINITY, f64::min);
    assert!(auto < best * 1.02, "{auto}, {best} is possible");
}

#[test]
fn classes_that_all_samples_have_or_none_get_constant_probabilities() {
    let (x, sets, labels) = independent(200, 10);
    // Of five classes, 3 is everywhere and 4 nowhere.
    let sets: Vec<Vec<usize>> = sets.into_iter().map(|set| [set, vec![3]].concat()).collect();
    let samples = with_sets(Samples::new(&x, 10, &labels, 5), &sets);
    let fit = fit(&samples, &LogisticConfig::default());
    for p in fit.head.probabilities(&uniform(100 * 10, 9)).chunks_exact(5) {
        assert!(p[3] > 1.0 - 1e-6 && p[4] < 1e-6, "{p:?}");
        assert!((1e-4..1.0 - 1e-4).contains(&p[0]), "{p:?}");
    }
}

#[test]
fn samples_that_all_have_the_same_classes_teach_nothing() {
    let x = uniform(20 * 4, 1);
    let (labels, sets) = (vec![0; 20], [vec![0, 2]]);
    let samples = with_sets(Samples::new(&x, 4, &labels, 3), &sets);
    let error = fit_logistic(&samples, None, &LogisticConfig::default(), Isa::best(), &mut go_on);
    assert!(matches!(error.unwrap_err(), TrainError::AllAlike));
}

#[test]
fn a_head_of_one_class_is_not_taken_for_one_of_several() {
    let (x, sets, labels) = independent(30, 10);
    let samples = with_sets(Samples::new(&x, 10, &labels, 3), &sets);
    let error = evaluate(&untrained(Task::SingleLabel, 10, 3, 0.0, 1), &samples).unwrap_err();
    assert!(matches!(error, TrainError::OtherTask { .. }), "{error}");
    let one_each: Vec<usize> = (0..30).map(|row| row % 3).collect();
    let head = untrained(Task::MultiLabel, 10, 3, 0.0, 1);
    let error = evaluate(&head, &Samples::new(&x, 10, &one_each, 3)).unwrap_err();
    assert!(matches!(error, TrainError::OtherTask { .. }), "{error}");
}

#[test]
fn probabilities_of_samples_left_out_are_less_sure_than_of_samples_learned_from() {
    let (x, sets, labels) = independent(150, 100);
    let samples = with_sets(Samples::new(&x, 100, &labels, 3), &sets);
    let config = LogisticConfig { strength: Strength::Fixed(1.0), ..LogisticConfig::default() };
    let mean_precision = |probabilities: &[f32]| {
        let of_class = |class: usize| {
            let scores: Vec<f32> = probabilities.iter().skip(class).step_by(3).copied().collect();
            let truth: Vec<bool> = labels.iter().map(|&l| sets[l].contains(&class)).collect();
            average_precision(&scores, &truth).unwrap()
        };
        (0..3).map(of_class).sum::<f64>() / 3.0
    };
    let out = out_of_fold(&samples, &config, Isa::best(), &mut go_on).unwrap();
    let own = fit(&samples, &config).head.probabilities(&x);
    let (out, own) = (mean_precision(&out), mean_precision(&own));
    assert!(own > 0.99 && (0.4..0.95).contains(&out), "{own} and {out}");
}

#[test]
fn average_precision_is_that_of_scikit_learn() {
    let fixture = read("head/multi_label_sklearn.json");
    let rankings = fixture["rankings"].as_array().unwrap();
    assert_eq!(rankings.len(), 7);
    for ranking in rankings {
        let truth: Vec<bool> = serde_json::from_value(ranking["is_of_class"].clone()).unwrap();
        let found = average_precision(&narrow(&ranking["scores"]), &truth).unwrap();
        let expected = ranking["average_precision"].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
    }
    assert_eq!(average_precision(&[0.5, 0.25], &[false, false]), None);
    assert_eq!(average_precision(&[], &[]), None);
}

#[test]
fn the_best_threshold_has_the_largest_f1_of_all() {
    for seed in 0..200 {
        let n = 1 + seed as usize % 23;
        let levels = [2.0, 5.0, 1e6][seed as usize % 3];
        let draw = uniform(2 * n, seed);
        let scores: Vec<f32> =
            draw[..n].iter().map(|v| ((v + 1.0) / 2.0 * levels).floor() / levels).collect();
        let truth: Vec<bool> = (0..n).map(|i| draw[n + i] + scores[i] > 0.6).collect();
        let f1 = |threshold: f32| {
            let said = scores.iter().map(|&score| score >= threshold);
            let right = said.clone().zip(&truth).filter(|&(said, &is)| said && is).count();
            let all = said.filter(|said| *said).count() + truth.iter().filter(|is| **is).count();
            2.0 * right as f64 / all as f64
        };
        let Some(found) = best_threshold(&scores, &truth) else {
            assert!(truth.iter().all(|is| !is));
            continue;
        };
        let best = scores.iter().map(|&score| f1(score)).fold(0.0, f64::max);
        assert_eq!(f1(found), best, "{scores:?} {truth:?} at {found}");
        // New scores near the lowest accepted one are accepted, and those near the highest rejected one are not.
        let (below, above): (Vec<f32>, Vec<f32>) = scores.iter().partition(|&&score| score < found);
        let left = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let taken = above.iter().copied().fold(f32::INFINITY, f32::min);
        assert!(left < found && found <= taken, "{left} < {found} <= {taken}");
    }
}
