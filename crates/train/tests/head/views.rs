//! Training on different samples in each epoch, and on soft targets.

use headstart_engine::Isa;
use headstart_train::{
    AdamConfig, Head, LogisticConfig, Samples, TrainError, Views, fit_adam, fit_adam_from,
    fit_logistic, losses::Loss,
};

use headstart_train::Task;
use headstart_train::head::{evaluate, untrained};

use crate::fixtures::{clusters, go_on};

fn config(epochs: usize) -> AdamConfig {
    AdamConfig { learning_rate: 1e-2, epochs, ..AdamConfig::default() }
}

fn fit(train: impl Views, config: &AdamConfig) -> (Head, Vec<f64>) {
    let (head, history) = fit_adam(train, None, config, &mut go_on).unwrap();
    (head, history.epochs.iter().map(|epoch| epoch.loss).collect())
}

/// Views that record which of them were used.
struct Recorded<'a> {
    views: &'a [Samples<'a>],
    taken: Vec<usize>,
}

impl Views for Recorded<'_> {
    fn count(&self) -> usize {
        usize::MAX
    }

    fn view(&mut self, index: usize) -> Result<Samples<'_>, TrainError> {
        self.taken.push(index);
        let none = || TrainError::View { view: index, source: "the disk is full".into() };
        self.views.get(index).copied().ok_or_else(none)
    }
}

#[test]
fn each_epoch_takes_the_next_view_and_the_first_again_after_the_last() {
    let (x, labels) = clusters(90, 10, 3, 1.0);
    let other: Vec<f32> = x.iter().map(|x| 0.5 - x).collect();
    let (a, b) = (Samples::new(&x, 10, &labels, 3), Samples::new(&other, 10, &labels, 3));
    let in_turn = fit(&[a, b][..], &config(5));
    let mut recorded = Recorded { views: &[a, b, a, b, a], taken: Vec::new() };
    assert_eq!(fit(&mut recorded, &config(5)), in_turn);
    assert_eq!(recorded.taken, [0, 1, 2, 3, 4]);

    assert_eq!(fit(&[a][..], &config(5)), fit(&a, &config(5)));
    assert_eq!(fit(&[a, b][..], &config(1)), fit(&a, &config(1)));
    assert_ne!(in_turn, fit(&a, &config(5)));
}

#[test]
fn a_view_that_fails_or_does_not_fit_ends_training() {
    let (x, labels) = clusters(90, 10, 3, 1.0);
    let good = Samples::new(&x, 10, &labels, 3);
    let short = Samples::new(&x[..800], 10, &labels[..80], 3);
    let narrow = Samples::new(&x[..450], 5, &labels, 3);
    let more = Samples { classes: 4, ..good };
    let mut nan = x.clone();
    nan[27] = f32::NAN;
    let nan = Samples { features: nan[..].into(), ..good };
    let error =
        |views: &[Samples]| fit_adam(views, None, &config(5), &mut go_on).unwrap_err().to_string();
    for (bad, named) in [
        (short, "samples of a view: 80"),
        (narrow, "features of a sample: 5"),
        (more, "classes: 4"),
        (nan, "the features of sample 2"),
    ] {
        let message = error(&[good, bad]);
        assert!(message.contains(named), "{message}");
    }
    assert!(error(&[]).contains("no samples"));
    let failing = Recorded { views: &[good, good], taken: Vec::new() };
    let error = fit_adam(failing, None, &config(5), &mut go_on).unwrap_err();
    assert!(matches!(error, TrainError::View { view: 2, .. }), "{error}");
}

#[test]
fn smoothed_labels_are_soft_targets_smoothed_by_hand() {
    for classes in [2, 4] {
        let (x, labels) = clusters(100, 10, classes, 1.0);
        let samples = Samples::new(&x, 10, &labels, classes);
        let smooth = AdamConfig { label_smoothing: 0.2, ..config(5) };
        let by_hand = Loss::of(classes).soft_targets(&labels, 0.2);
        let soft = Samples { soft_targets: Some(&by_hand), ..samples };
        assert_eq!(fit(&samples, &smooth), fit(&soft, &config(5)));
        let hard = Loss::of(classes).soft_targets(&labels, 0.0);
        let soft = Samples { soft_targets: Some(&hard), ..samples };
        assert_eq!(fit(&soft, &smooth), fit(&samples, &smooth));
        assert_eq!(fit(&soft, &config(5)), fit(&samples, &config(5)));
        assert_ne!(fit(&samples, &smooth), fit(&samples, &config(5)));
    }
}

#[test]
fn smoothing_does_not_count_in_the_validation_loss() {
    let (x, labels) = clusters(100, 10, 3, 1.0);
    let samples = Samples::new(&x, 10, &labels, 3);
    let smooth = AdamConfig { label_smoothing: 0.5, ..config(3) };
    let (head, history) = fit_adam(&samples, Some(&samples), &smooth, &mut go_on).unwrap();
    let last = history.epochs.last().unwrap();
    assert_eq!(last.val_loss, Some(evaluate(&head, &samples).unwrap().0));
}

#[test]
fn soft_targets_are_learnt_as_probabilities() {
    // One feature without information: a head can only learn the mean of the targets.
    let (x, labels) = (vec![0.0; 64], [0, 1].repeat(32));
    for (classes, target) in [(2, vec![0.25]), (3, vec![0.5, 0.375, 0.125])] {
        let targets = target.repeat(64);
        let samples =
            Samples { soft_targets: Some(&targets), ..Samples::new(&x, 1, &labels, classes) };
        let start = untrained(Task::SingleLabel, 1, classes, 0.0, 0);
        let config = AdamConfig { dropout: 0.0, ..config(500) };
        let (head, _) = fit_adam_from(start, &samples, None, &config, &mut go_on).unwrap();
        let found = head.probabilities(&[0.0]);
        let expected = if classes == 2 { vec![0.75, 0.25] } else { target };
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
        }
    }
}

#[test]
fn soft_targets_that_are_no_probabilities_are_errors() {
    let (x, labels) = clusters(6, 4, 3, 1.0);
    let samples = Samples::new(&x, 4, &labels, 3);
    let good = Loss::of(3).soft_targets(&labels, 0.1);
    for bad in [[0.5, 0.6, 0.0], [1.5, -0.5, 0.0], [f32::NAN, 0.5, 0.5]] {
        let mut targets = good.clone();
        targets[6..9].copy_from_slice(&bad);
        let error = Samples { soft_targets: Some(&targets), ..samples }.check().unwrap_err();
        assert!(matches!(error, TrainError::NotProbabilities { row: 2 }), "{error}");
    }
    let error = Samples { soft_targets: Some(&good[1..]), ..samples }.check().unwrap_err();
    assert!(matches!(error, TrainError::Length { what: "soft targets", .. }), "{error}");
    let soft = Samples { soft_targets: Some(&good), ..samples };
    let error =
        fit_logistic(&soft, None, &LogisticConfig::default(), Isa::best(), &mut go_on).unwrap_err();
    assert!(matches!(error, TrainError::SoftTargets), "{error}");
}
