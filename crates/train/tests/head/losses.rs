use headstart_train::losses::{Loss, Targets};

use crate::fixtures::{narrow, numbers, read, relative_error, uniform, wide};

#[test]
fn losses_of_smoothed_and_mixed_targets_are_those_of_keras() {
    let whole = read("optimizers/keras.json");
    let cases = whole["losses"].as_array().unwrap();
    assert_eq!(cases.len(), 36);
    for case in cases {
        let loss = Loss::of(case["classes"].as_u64().unwrap() as usize);
        let smoothing = case["smoothing"].as_f64().unwrap() as f32;
        let targets = match case["labels"].as_array() {
            Some(labels) => {
                let labels: Vec<usize> =
                    labels.iter().map(|label| label.as_u64().unwrap() as usize).collect();
                loss.soft_targets(&labels, smoothing)
            }
            None => {
                let mut targets = narrow(&case["targets"]);
                loss.smooth(&mut targets, smoothing);
                targets
            }
        };
        let weights = case["weights"].as_array().map(|_| narrow(&case["weights"]));
        let (targets, logits) = (Targets::Soft(&targets), narrow(&case["logits"]));
        let (value, expected) =
            (loss.forward(&logits, targets, weights.as_deref()), case["loss"].as_f64().unwrap());
        assert!((value / expected - 1.0).abs() < 1e-6, "{value} for {expected}");
        let mut d_logits = vec![f32::NAN; logits.len()];
        loss.backward(&logits, targets, weights.as_deref(), &mut d_logits);
        let error = relative_error(&wide(&d_logits), &numbers(&case["gradient"]));
        assert!(error < 1e-6, "gradient off by {error}");
    }
}

#[test]
fn labels_and_the_soft_targets_that_say_the_same_give_the_same_bits() {
    let labels = [1, 0, 1, 1, 0];
    for classes in [2, 3, 10] {
        let loss = Loss::of(classes);
        let logits: Vec<f32> =
            uniform(labels.len() * loss.units(), 5).iter().map(|v| 30.0 * v).collect();
        let soft = loss.soft_targets(&labels, 0.0);
        let both = [Targets::Labels(&labels), Targets::Soft(&soft)].map(|targets| {
            let mut d_logits = vec![f32::NAN; logits.len()];
            loss.backward(&logits, targets, None, &mut d_logits);
            (loss.forward(&logits, targets, None), d_logits)
        });
        assert_eq!(both[0], both[1]);
    }
}

#[test]
fn smoothing_moves_targets_towards_the_middle() {
    assert_eq!(Loss::of(2).soft_targets(&[0, 1], 0.5), [0.25, 0.75]);
    assert_eq!(Loss::of(4).soft_targets(&[2], 0.5), [0.125, 0.125, 0.625, 0.125]);
    assert_eq!(Loss::of(4).soft_targets(&[2], 0.0), [0.0, 0.0, 1.0, 0.0]);
}
