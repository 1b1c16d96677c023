use headstart_engine::Isa;
use headstart_model::Trainable;
use headstart_train::network::BatchNorm;
use headstart_train::optimizers::{Optimizer, OptimizerConfig, Variable};

use crate::support::{Fixture, Training};

/// The samples of a tensor in the fixtures: 256 of its values, evenly spaced.
fn sampled(values: &[f32]) -> Vec<f64> {
    let n = values.len();
    let at = |i: usize| if n <= 256 { i } else { i * n / 256 };
    (0..n.min(256)).map(|i| values[at(i)].into()).collect()
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[test]
fn gradients_of_every_trainable_tensor_agree_with_keras_in_both_modes_of_batch_normalization() {
    let expected = Fixture::open("gradients.safetensors").numbers;
    for (mode, bn) in [("inference", BatchNorm::Inference), ("train", BatchNorm::Train)] {
        for isa in Isa::available() {
            let mut training = Training::new(&Trainable::All, bn, isa);
            let loss = training.step(0);
            let of = expected[&format!("{mode}/loss")][0];
            assert!((loss / of - 1.0).abs() < 1e-5, "{mode} {isa:?}: the loss is {loss}, not {of}");
            let own = training.network.parameters().iter();
            let mut gradients: Vec<(String, Vec<f32>)> = own
                .filter_map(|p| p.gradient.clone().map(|gradient| (p.name.clone(), gradient)))
                .collect();
            gradients.push(("head/kernel".into(), training.head.d_kernel.clone()));
            gradients.push(("head/bias".into(), training.head.d_bias.clone()));
            let of_mode =
                |name: &&String| name.starts_with(&format!("{mode}/")) && name.ends_with("/norm");
            assert_eq!(expected.keys().filter(of_mode).count(), gradients.len(), "{mode}");
            for (name, gradient) in gradients {
                let key = format!("{mode}/{name}");
                let (actual, expected_norm) =
                    (sampled(&gradient), expected[&format!("{key}/norm")][0]);
                let expected = &expected[&key];
                let difference: Vec<f64> =
                    actual.iter().zip(expected).map(|(a, e)| a - e).collect();
                // If Keras's own gradient is only rounding error, there is nothing to compare.
                if expected_norm < 1e-12 {
                    continue;
                }
                let relative = norm(&difference) / norm(expected);
                let product: f64 = actual.iter().zip(expected).map(|(a, e)| a * e).sum();
                let cosine = product / norm(&actual) / norm(expected);
                let whole: Vec<f64> = gradient.iter().map(|&x| x.into()).collect();
                let case = format!("{key} {isa:?}: relative {relative:.1e}, cosine {cosine}");
                // Portable code rounds products before adding them, which moves one activation across a kink of ReLU6
                // with batch statistics.
                let kink = isa.name() == "portable" && bn == BatchNorm::Train;
                let (most, least) = if kink { (2e-2, 0.9998) } else { (1e-3, 0.99999) };
                assert!(relative < most && cosine > least, "{case}");
                assert!((norm(&whole) / expected_norm - 1.0).abs() < most, "{case}: norm");
            }
        }
    }
}

#[test]
fn training_mode_moves_the_moving_statistics_as_keras_does() {
    let expected = Fixture::open("gradients.safetensors").numbers;
    let mut training = Training::new(&Trainable::All, BatchNorm::Train, Isa::best());
    training.step(0);
    let mut compared = 0;
    for parameter in training.network.parameters() {
        let Some(expected) = expected.get(&format!("train/after/{}", parameter.name)) else {
            continue;
        };
        compared += 1;
        for (actual, expected) in parameter.values.iter().zip(expected) {
            let error = (f64::from(*actual) - expected).abs() / expected.abs().max(1e-2);
            assert!(error < 1e-5, "{}: {actual}, not {expected}", parameter.name);
        }
    }
    assert_eq!(compared, 2 * 52, "mean and variance of every layer");
}

fn update(training: &mut Training, optimizer: &mut Optimizer, learning_rate: f64) {
    let mut variables: Vec<Variable> = training
        .network
        .parameters_mut()
        .iter_mut()
        .filter_map(|p| p.gradient.as_ref().map(|gradient| (&mut p.values, gradient)))
        .map(|(values, gradient)| Variable::new(values, gradient))
        .collect();
    let head = &mut training.head;
    variables.push(Variable::new(&mut head.kernel, &head.d_kernel));
    variables.push(Variable::new(&mut head.bias, &head.d_bias));
    optimizer.step(learning_rate, &mut variables);
    drop(variables);
    training.network.refresh();
}

#[test]
fn ten_steps_of_every_optimizer_have_the_losses_of_keras() {
    use headstart_train::optimizers::Sgd;
    let expected = Fixture::open("traces.safetensors").numbers;
    let momentum = |nesterov| {
        use headstart_train::optimizers::Algorithm;
        Algorithm::Sgd(Sgd { momentum: 0.9, nesterov }).into()
    };
    let from = Trainable::FromIndex(100);
    for (name, config, rate, trainable, bn) in [
        ("rmsprop", OptimizerConfig::rmsprop(), 1e-5, &from, BatchNorm::Inference),
        ("adam", OptimizerConfig::adam(), 1e-4, &from, BatchNorm::Inference),
        ("adamw", OptimizerConfig::adamw(), 1e-4, &from, BatchNorm::Inference),
        ("sgd_momentum", momentum(false), 1e-3, &from, BatchNorm::Inference),
        ("sgd_nesterov", momentum(true), 1e-3, &from, BatchNorm::Inference),
        ("all/rmsprop", OptimizerConfig::rmsprop(), 1e-5, &Trainable::All, BatchNorm::Inference),
        ("bn_train/adam", OptimizerConfig::adam(), 1e-4, &from, BatchNorm::Train),
    ] {
        let mut training = Training::new(trainable, bn, Isa::best());
        let mut optimizer = Optimizer::new(config);
        for (step, expected) in expected[&format!("trace_f64/{name}")].iter().enumerate() {
            let loss = training.step(step % 2);
            let error = (loss - expected).abs() / expected.abs().max(1.0);
            assert!(error < 1e-4, "{name}, step {step}: {loss}, not {expected}");
            update(&mut training, &mut optimizer, rate);
        }
    }
}
