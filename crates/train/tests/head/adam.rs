use std::ops::ControlFlow;

use headstart_train::{
    AdamConfig, ClassWeight, Event, Head, Samples, Task, TrainError, fit_adam, fit_adam_from,
};

use headstart_train::head::evaluate;

use crate::fixtures::{
    Data, cases, clusters, go_on, narrow, numbers, relative_error, wide, with_threads,
};

#[test]
fn epochs_and_weights_are_those_of_keras_fit() {
    let data = Data::read();
    let x = data.f32("x_standardised");
    for case in cases("keras.json").iter().filter(|case| case["optimizer"] == "adam") {
        let labels = data.labels(case["target"].as_str().unwrap());
        let classes = if case["loss"] == "binary" { 2 } else { 3 };
        let head = Head {
            hidden: Vec::new(),
            kernel: data.f32(case["start"][0].as_str().unwrap()),
            bias: data.f32(case["start"][1].as_str().unwrap()),
            classes,
            dropout: 0.0,
            task: Task::SingleLabel,
        };
        let class_weight = match case["class_weight"].as_array() {
            Some(_) => ClassWeight::Given(
                numbers(&case["class_weight"]).iter().map(|&w| w as f32).collect(),
            ),
            None => ClassWeight::Uniform,
        };
        let config = AdamConfig {
            learning_rate: 0.01,
            epochs: 5,
            dropout: 0.0,
            shuffle: false,
            class_weight,
            ..AdamConfig::default()
        };
        let weights = case["sample_weight"].as_array().map(|_| narrow(&case["sample_weight"]));
        let weights = weights.as_deref();
        let samples = Samples { weights, ..Samples::new(&x, 24, &labels, classes) };
        let (head, history) = fit_adam_from(head, &samples, None, &config, &mut go_on).unwrap();
        let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();
        for (found, expected) in losses.iter().zip(numbers(&case["epoch_losses_of_fit"])) {
            assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
        }
        assert!(relative_error(&wide(&head.kernel), &numbers(&case["final_kernel"])) < 1e-5);
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_whatever_the_threads() {
    let (x, labels) = clusters(700, 20, 3, 1.0);
    let samples = Samples::new(&x, 20, &labels, 3);
    let fit = |seed, threads| {
        let config = AdamConfig { seed, epochs: 3, ..AdamConfig::default() };
        with_threads(threads, || fit_adam(&samples, Some(&samples), &config, &mut go_on).unwrap())
    };
    let ((one, one_history), (two, two_history)) = (fit(5, 1), fit(5, 2));
    assert_eq!(one, two);
    for (a, b) in one_history.epochs.iter().zip(&two_history.epochs) {
        assert_eq!((a.loss, a.accuracy, a.val_loss), (b.loss, b.accuracy, b.val_loss));
    }
    assert_ne!(one, fit(6, 1).0);
}

#[test]
fn it_learns() {
    for classes in [2, 4] {
        let (x, labels) = clusters(400, 30, classes, 1.0);
        let samples = Samples::new(&x, 30, &labels, classes);
        let config = AdamConfig { learning_rate: 1e-2, epochs: 20, ..AdamConfig::default() };
        let (head, history) = fit_adam(&samples, Some(&samples), &config, &mut go_on).unwrap();
        let last = history.epochs.last().unwrap();
        assert_eq!(history.epochs.len(), 20);
        assert!(last.val_accuracy.unwrap() > 0.95, "{last:?}");
        assert_eq!(
            evaluate(&head, &samples).unwrap(),
            (last.val_loss.unwrap(), last.val_accuracy.unwrap())
        );
    }
}

#[test]
fn early_stopping_takes_the_weights_of_the_best_epoch() {
    let (x, labels) = clusters(60, 40, 2, 0.1);
    let (val_x, val_labels) = clusters(40, 40, 2, -0.1);
    let train = Samples::new(&x, 40, &labels, 2);
    let validation = Samples::new(&val_x, 40, &val_labels, 2);
    let config = AdamConfig {
        learning_rate: 1e-2,
        epochs: 100,
        early_stop: Some(3),
        ..AdamConfig::default()
    };
    let (head, history) = fit_adam(&train, Some(&validation), &config, &mut go_on).unwrap();
    let best = history.best_epoch.unwrap();
    assert!(history.stopped_early);
    assert_eq!(history.epochs.len(), best + 3);
    let lowest =
        history.epochs.iter().map(|epoch| epoch.val_loss.unwrap()).fold(f64::MAX, f64::min);
    assert_eq!(history.epochs[best - 1].val_loss, Some(lowest));
    assert_eq!(evaluate(&head, &validation).unwrap().0, lowest);
}

#[test]
fn the_callback_stops_training() {
    let (x, labels) = clusters(60, 4, 2, 1.0);
    let samples = Samples::new(&x, 4, &labels, 2);
    let mut seen = 0;
    let mut stop_at_two = |event: Event| {
        seen += usize::from(matches!(event, Event::Epoch(_)));
        if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let (_, history) = fit_adam(&samples, None, &AdamConfig::default(), &mut stop_at_two).unwrap();
    assert_eq!((history.epochs.len(), history.stopped_early), (2, true));
}

#[test]
fn a_loss_that_diverges_names_epoch_and_batch() {
    let (mut x, labels) = clusters(60, 4, 3, 1.0);
    x.iter_mut().for_each(|x| *x *= 1e20);
    let samples = Samples::new(&x, 4, &labels, 3);
    let config = AdamConfig { learning_rate: 1e30, ..AdamConfig::default() };
    let error = fit_adam(&samples, None, &config, &mut go_on).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { epoch: 1, .. }), "{error}");
    assert!(error.to_string().contains("learning rate"), "{error}");
}

#[test]
fn options_that_make_no_sense_are_errors_that_name_them() {
    let (x, labels) = clusters(10, 4, 2, 1.0);
    let samples = Samples::new(&x, 4, &labels, 2);
    let default = AdamConfig::default;
    for (config, named) in [
        (AdamConfig { learning_rate: -1.0, ..default() }, "learning rate"),
        (AdamConfig { learning_rate: f64::NAN, ..default() }, "learning rate"),
        (AdamConfig { dropout: 1.0, ..default() }, "dropout"),
        (AdamConfig { label_smoothing: 1.0, ..default() }, "label smoothing"),
        (AdamConfig { label_smoothing: -0.1, ..default() }, "label smoothing"),
        (AdamConfig { epochs: 0, ..default() }, "number of epochs"),
        (AdamConfig { batch_size: 0, ..default() }, "batch size"),
        (AdamConfig { class_weight: ClassWeight::Given(vec![1.0]), ..default() }, "class weights"),
        (
            AdamConfig { class_weight: ClassWeight::Given(vec![1.0, -1.0]), ..default() },
            "class weight",
        ),
    ] {
        let error = fit_adam(&samples, None, &config, &mut go_on).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn the_callback_stops_training_between_batches() {
    let (x, labels) = clusters(100, 4, 2, 1.0);
    let samples = Samples::new(&x, 4, &labels, 2);
    let mut last = None;
    let stop = &mut |event: Event| match event {
        Event::Batch { epoch: 2, batch: 3, batches: 4 } => ControlFlow::Break(()),
        Event::Batch { epoch, batch, .. } => {
            last = Some((epoch, batch));
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Continue(()),
    };
    let error = fit_adam(&samples, None, &AdamConfig::default(), stop).unwrap_err();
    assert!(matches!(error, TrainError::Stopped), "{error}");
    assert_eq!(last, Some((2, 2)));
}

#[test]
fn extreme_learning_rates_are_printed_with_an_exponent() {
    for (learning_rate, printed) in
        [(-1e300, "is -1e300;"), (-3e-9, "is -3e-9;"), (-0.5, "is -0.5;"), (0.0, "is 0;")]
    {
        let config = AdamConfig { learning_rate, ..AdamConfig::default() };
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(printed), "{error}");
    }
}
