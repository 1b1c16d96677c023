use std::ops::ControlFlow;

use headstart_engine::Isa;
use headstart_train::{
    ClassWeight, Event, LogisticConfig, LogisticFit, Samples, Strength, TrainError, fit_logistic,
    out_of_fold,
};

use headstart_train::head::evaluate;

use crate::fixtures::{
    Data, cases, clusters, go_on, narrow, numbers, relative_error, uniform, with_threads,
};

fn fit(samples: &Samples, config: &LogisticConfig) -> LogisticFit {
    let fit = fit_logistic(samples, None, config, Isa::best(), &mut go_on).unwrap();
    assert!(fit.head.kernel.iter().chain(&fit.head.bias).all(|w| w.is_finite()));
    fit
}

fn accuracy(fit: &LogisticFit) -> f64 {
    fit.history.epochs[0].accuracy
}

#[test]
fn coefficients_for_a_given_strength_are_those_of_scikit_learn() {
    let data = Data::read();
    let (x, mean, scale) = (data.f32("x"), data.f64("mean"), data.f64("scale"));
    let cases = cases("sklearn.json");
    assert_eq!(cases.len(), 16);
    for case in &cases {
        let labels = data.labels(case["target"].as_str().unwrap());
        let classes = case["classes"].as_u64().unwrap() as usize;
        let samples = Samples::new(&x, 24, &labels, classes);
        let weights = case["sample_weight"].as_array().map(|_| narrow(&case["sample_weight"]));
        let weighted = Samples { weights: weights.as_deref(), ..samples };
        let class_weight = match case["class_weight"].is_null() {
            true => ClassWeight::Uniform,
            false => ClassWeight::Balanced,
        };
        let config = LogisticConfig {
            strength: Strength::Fixed(case["C"].as_f64().unwrap()),
            class_weight,
            tolerance: 1e-7,
            ..LogisticConfig::default()
        };
        let fit = fit(&weighted, &config);
        let units = fit.head.units();
        let (mut coefficients, mut intercepts) = (Vec::new(), Vec::new());
        for unit in 0..units {
            let column = (0..24).map(|row| f64::from(fit.head.kernel[row * units + unit]));
            coefficients.extend(column.clone().zip(&scale).map(|(w, scale)| w * scale));
            let shift: f64 = column.zip(&mean).map(|(w, mean)| w * mean).sum();
            intercepts.push(f64::from(fit.head.bias[unit]) + shift);
        }
        let error = relative_error(&coefficients, &numbers(&case["coef"]));
        assert!(error < 1e-4, "coefficients off by {error} in {}", case["C"]);
        let error = relative_error(&intercepts, &numbers(&case["intercept"]));

        assert!(error < 1e-4, "intercepts off by {error} in {}", case["C"]);

        let (loss, accuracy) = evaluate(&fit.head, &samples).unwrap();
        assert!((loss - case["log_loss"].as_f64().unwrap()).abs() < 1e-5);
        assert!((accuracy - case["accuracy"].as_f64().unwrap()).abs() < 1e-9);
        let first = fit.head.probabilities(&x[..4 * 24]);
        for (found, expected) in first.iter().zip(numbers(&case["probabilities_first_4"])) {
            assert!((f64::from(*found) - expected).abs() < 1e-4);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_whatever_the_threads() {
    for (n, classes) in [(50, 2), (333, 3), (700, 5)] {
        let (x, labels) = clusters(n, 70, classes, 0.5);
        let samples = Samples::new(&x, 70, &labels, classes);
        let run = |threads| with_threads(threads, || fit(&samples, &LogisticConfig::default()));
        let (one, two) = (run(1), run(2));
        assert_eq!(one.head, two.head);
        assert_eq!((one.trials, one.steps), (two.trials, two.steps));
    }
}

#[test]
fn the_strength_chosen_predicts_better_than_the_ends_of_the_path() {
    let (x, labels) = clusters(1400, 60, 4, 0.35);
    let train = Samples::new(&x[..400 * 60], 60, &labels[..400], 4);
    let test = Samples::new(&x[400 * 60..], 60, &labels[400..], 4);
    let loss = |strength| {
        let config = LogisticConfig { strength, ..LogisticConfig::default() };
        fit_logistic(&train, Some(&test), &config, Isa::best(), &mut go_on).unwrap().history.epochs
            [0]
        .val_loss
        .unwrap()
    };
    let auto = loss(Strength::Auto);
    assert!(auto < loss(Strength::Fixed(1e-5)) && auto < loss(Strength::Fixed(1e3)));
    let best = (-8..8)
        .map(|power| loss(Strength::Fixed(10f64.powf(f64::from(power) / 2.0))))
        .fold(f64::INFINITY, f64::min);
    assert!(auto < best * 1.02, "{auto}, {best} is possible");
}

#[test]
fn two_pictures_a_class_are_enough() {
    for classes in [2, 3] {
        let (x, labels) = clusters(2 * classes, 50, classes, 3.0);
        let fit = fit(&Samples::new(&x, 50, &labels, classes), &LogisticConfig::default());
        assert_eq!(accuracy(&fit), 1.0);
        assert!(fit.converged && !fit.trials.is_empty());
    }
}

#[test]
fn one_picture_a_class_gets_the_default_strength() {
    let (x, labels) = clusters(3, 50, 3, 3.0);
    let fit = fit(&Samples::new(&x, 50, &labels, 3), &LogisticConfig::default());
    assert_eq!((accuracy(&fit), fit.strength, fit.trials.len()), (1.0, 1.0 / 50.0, 0));
}

#[test]
fn classes_far_apart_converge() {
    let (x, labels) = clusters(100, 10, 2, 1e4);
    let fit = fit(&Samples::new(&x, 10, &labels, 2), &LogisticConfig::default());
    assert!(fit.converged);
    assert_eq!(accuracy(&fit), 1.0);
}

#[test]
fn a_class_without_samples_is_never_predicted() {
    let (x, labels) = clusters(60, 10, 2, 2.0);
    // The middle two of four classes.
    let labels: Vec<usize> = labels.iter().map(|label| label + 1).collect();
    let fit = fit(&Samples::new(&x, 10, &labels, 4), &LogisticConfig::default());
    assert_eq!(accuracy(&fit), 1.0);
    for row in fit.head.probabilities(&uniform(100 * 10, 8)).chunks_exact(4) {
        assert!(row[0] < 1e-6 && row[3] < 1e-6, "{row:?}");
    }
}

#[test]
fn features_that_do_not_vary_get_no_weight() {
    let (mut x, labels) = clusters(60, 10, 2, 2.0);
    for row in x.chunks_exact_mut(10) {
        (row[3], row[7]) = (0.1, 0.0);
    }
    // Nearly constant: the difference is rounding error.
    x[7] = 1e-20;
    let fit = fit(&Samples::new(&x, 10, &labels, 2), &LogisticConfig::default());
    assert_eq!((fit.head.kernel[3], fit.head.kernel[7]), (0.0, 0.0));
    assert!(fit.head.kernel[0] != 0.0);
}

#[test]
fn features_that_are_all_the_same_give_the_shares_of_the_classes() {
    let labels = [0, 0, 0, 1, 2, 2];
    let fit = fit(&Samples::new(&[0.5; 6 * 4], 4, &labels, 3), &LogisticConfig::default());
    let p = fit.head.probabilities(&[0.5; 4]);
    for (p, share) in p.iter().zip([3.0 / 6.0, 1.0 / 6.0, 2.0 / 6.0]) {
        assert!((p - share).abs() < 1e-3, "{p} for {share}");
    }
}

#[test]
fn copies_held_together_do_not_make_the_fit_bold() {
    // Random labels, with four copies of each sample: only held-out samples with all their copies reveal that there is
    // nothing to learn.
    let x: Vec<f32> = uniform(50 * 30, 3).chunks_exact(30).flat_map(|row| row.repeat(4)).collect();
    let labels: Vec<usize> = (0..200).map(|row| row / 4 % 2).collect();
    let groups: Vec<usize> = (0..200).map(|row| row / 4).collect();
    let apart = Samples::new(&x, 30, &labels, 2);
    let together = Samples { groups: Some(&groups), ..apart };
    let config = LogisticConfig::default();
    let (apart, together) = (fit(&apart, &config), fit(&together, &config));
    assert!(together.strength < apart.strength / 10.0);
}

#[test]
fn a_weight_of_two_is_a_sample_twice() {
    let (x, labels) = clusters(60, 10, 3, 0.5);
    let weights: Vec<f32> = (0..60).map(|row| if row < 20 { 2.0 } else { 1.0 }).collect();
    let weighted = Samples { weights: Some(&weights), ..Samples::new(&x, 10, &labels, 3) };
    // Deviations are those of the rows, regardless of weights: a fit on standardised rows is the same.
    let config = LogisticConfig {
        strength: Strength::Fixed(1e4),
        tolerance: 1e-7,
        ..LogisticConfig::default()
    };
    let twice_x = [&x[..], &x[..20 * 10]].concat();
    let twice_labels = [&labels[..], &labels[..20]].concat();
    let weighted = fit(&weighted, &config);
    let twice = fit(&Samples::new(&twice_x, 10, &twice_labels, 3), &config);
    let (a, b) = (weighted.head.probabilities(&x), twice.head.probabilities(&x));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 5e-3));
}

#[test]
fn the_callback_stops_a_fit_wherever_it_is() {
    let (x, labels) = clusters(9000, 20, 3, 0.3);
    let samples = Samples::new(&x, 20, &labels, 3);
    let config = LogisticConfig::default();
    let mut asked = [0; 2];
    let count = &mut |event: Event| {
        match event {
            Event::Choosing { trial, strength } => {
                assert!(trial > 0 && strength > 0.0);
                asked[0] += 1;
            }
            Event::Fitting { .. } => asked[1] += 1,
            _ => {}
        }
        ControlFlow::Continue(())
    };
    fit_logistic(&samples, None, &config, Isa::best(), count).unwrap();
    assert!(asked[0] > 10 && asked[1] > 1, "{asked:?}");
    for stop_at in [1, asked[0], asked[0] + 1, asked[0] + asked[1]] {
        let mut seen = 0;
        let stop = &mut |_: Event| {
            seen += 1;
            if seen == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let error = fit_logistic(&samples, None, &config, Isa::best(), stop).unwrap_err();
        assert!(matches!(error, TrainError::Stopped), "{error}");
        assert_eq!(seen, stop_at);
    }
}

#[test]
fn many_samples_are_fitted_to_the_tolerance_whatever_the_start() {
    // Enough samples for the strength to be chosen on a subset.
    let (x, labels) = clusters(33_000, 12, 3, 0.4);
    let samples = Samples::new(&x, 12, &labels, 3);
    let auto = with_threads(1, || fit(&samples, &LogisticConfig::default()));
    assert!(auto.converged);
    assert_eq!(auto.head, with_threads(3, || fit(&samples, &LogisticConfig::default())).head);
    let strength = Strength::Fixed(auto.strength);
    let exact = LogisticConfig { strength, tolerance: 1e-6, ..LogisticConfig::default() };
    let mut exact = fit(&samples, &exact).head;
    // The kernel is multiplied around the mean of the features.
    let mean = |column: usize| {
        x.iter().skip(column).step_by(12).map(|&x| f64::from(x)).sum::<f64>() / 33_000.0
    };
    for (column, weights) in exact.kernel.chunks_exact_mut(3).enumerate() {
        for (weight, bias) in weights.iter_mut().zip(&mut exact.bias) {
            let scaled = f64::from(*weight) * auto.scale;
            *bias -= ((scaled - f64::from(*weight)) * mean(column)) as f32;
            *weight = scaled as f32;
        }
    }
    let (loss, _) = evaluate(&exact, &samples).unwrap();
    assert!((auto.history.epochs[0].loss - loss).abs() < 1e-4);
}

#[test]
fn the_kernel_of_few_samples_is_lengthened_until_it_is_as_sure_as_it_should_be() {
    let (x, labels) = clusters(1060, 80, 4, 0.5);
    let train = Samples::new(&x[..60 * 80], 80, &labels[..60], 4);
    let test = Samples::new(&x[60 * 80..], 80, &labels[60..], 4);
    let auto = fit(&train, &LogisticConfig::default());
    let strength = Strength::Fixed(auto.strength);
    let fixed = fit(&train, &LogisticConfig { strength, ..LogisticConfig::default() });
    assert!(auto.scale > 1.2 && fixed.scale == 1.0, "{} and {}", auto.scale, fixed.scale);
    let loss = |fit: &LogisticFit| evaluate(&fit.head, &test).unwrap().0;
    assert!(loss(&auto) < loss(&fixed), "{} and {}", loss(&auto), loss(&fixed));
}

#[test]
fn bad_samples_are_errors_that_say_where() {
    let (x, labels) = clusters(6, 4, 2, 1.0);
    let config = LogisticConfig::default();
    let error = |samples: &Samples| {
        fit_logistic(samples, None, &config, Isa::best(), &mut go_on).unwrap_err()
    };
    assert!(matches!(error(&Samples::new(&[], 4, &[], 2)), TrainError::NoSamples));
    assert!(matches!(error(&Samples::new(&x, 4, &[1; 6], 2)), TrainError::OneClass { class: 1 }));
    assert!(matches!(
        error(&Samples::new(&x[1..], 4, &labels, 2)),
        TrainError::Length { what: "features", found: 23, expected: 24 }
    ));
    assert!(matches!(
        error(&Samples::new(&x, 4, &[0, 1, 0, 2, 0, 1], 2)),
        TrainError::NoSuchClass { row: 3, label: 2, classes: 2 }
    ));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = x.clone();
        x[4 * 4 + 2] = bad;
        let error = error(&Samples::new(&x, 4, &labels, 2));
        assert!(matches!(error, TrainError::NonFiniteFeature { row: 4, column: 2, .. }));
        assert!(error.to_string().contains("sample 4"), "{error}");
    }
    let zero = Samples { weights: Some(&[0.0; 6]), ..Samples::new(&x, 4, &labels, 2) };
    assert!(matches!(error(&zero), TrainError::NoSamples));
    let config = LogisticConfig { strength: Strength::Fixed(0.0), ..config.clone() };
    assert!(config.check().unwrap_err().to_string().contains("strength is 0;"));
    let wrong =
        fit_logistic(&Samples::new(&x, 4, &labels, 2), None, &config, Isa::best(), &mut go_on);
    assert!(wrong.unwrap_err().to_string().contains("strength"));
}

#[test]
fn no_sample_is_judged_by_a_head_that_has_seen_it_or_its_group() {
    // More features than samples, without any information: a head that has seen a sample knows its label.
    let (n, dim) = (60, 120);
    let labels: Vec<usize> = (0..n).map(|row| row % 3).collect();
    let mut x = uniform(n * dim, 5);
    let config = LogisticConfig { strength: Strength::Fixed(1.0), ..LogisticConfig::default() };
    let right = |p: &[f32]| {
        let likeliest = |p: &[f32]| (0..3).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
        p.chunks(3).zip(&labels).filter(|(p, label)| likeliest(p) == **label).count()
    };
    let samples = Samples::new(&x, dim, &labels, 3);
    assert_eq!(right(&fit(&samples, &config).head.probabilities(&x)), n);
    assert!(right(&out_of_fold(&samples, &config, Isa::best(), &mut go_on).unwrap()) < n * 6 / 10);

    // Two copies of each picture: each is evaluated by its copy, unless they form a group.
    let copies: Vec<f32> = x[..n / 2 * dim].to_vec();
    x[n / 2 * dim..].copy_from_slice(&copies);
    let groups: Vec<usize> = (0..n).map(|row| row % (n / 2)).collect();
    let apart = Samples::new(&x, dim, &labels, 3);
    let together = Samples { groups: Some(&groups), ..apart };
    assert!(right(&out_of_fold(&apart, &config, Isa::best(), &mut go_on).unwrap()) > n * 7 / 10);
    assert!(right(&out_of_fold(&together, &config, Isa::best(), &mut go_on).unwrap()) < n * 6 / 10);
}

#[test]
fn a_sample_without_which_a_class_would_be_missing_is_judged_by_the_head_of_all() {
    let x = uniform(21 * 4, 2);
    let labels: Vec<usize> = (0..21).map(|row| if row == 20 { 2 } else { row % 2 }).collect();
    let samples = Samples::new(&x, 4, &labels, 3);
    let config = LogisticConfig { strength: Strength::Fixed(1.0), ..LogisticConfig::default() };
    let found = out_of_fold(&samples, &config, Isa::best(), &mut go_on).unwrap();
    assert_eq!(found[60..], fit(&samples, &config).head.probabilities(&x)[60..]);
    assert!(found.chunks(3).all(|p| (p.iter().sum::<f32>() - 1.0).abs() < 1e-5));
}

#[test]
fn the_instruction_set_asked_for_computes_the_head_to_the_bit_whatever_the_processor_has() {
    let n = 300;
    let x: Vec<f32> = (0..n * 7).map(|i| ((i * i + 3 * i) % 101) as f32 / 50.0 - 1.0).collect();
    let labels: Vec<usize> = (0..n).map(|i| (i * 7 + i / 3) % 3).collect();
    let samples = Samples::new(&x, 7, &labels, 3);
    let config = LogisticConfig { strength: Strength::Fixed(1.0), ..LogisticConfig::default() };
    let heads: Vec<_> = Isa::available()
        .into_iter()
        .map(|isa| fit_logistic(&samples, None, &config, isa, &mut go_on).unwrap().head)
        .collect();
    let portable = heads.last().unwrap();
    for (isa, head) in Isa::available().into_iter().zip(&heads).rev().skip(1) {
        // Portable code rounds products, others do not: the bits reveal which was used.
        assert_ne!(head.kernel, portable.kernel, "{isa:?}");
        for (a, b) in head.kernel.iter().zip(&portable.kernel) {
            assert!((a - b).abs() < 1e-3, "{isa:?}: {a} and {b}");
        }
    }
}
