//! Compares first-order optimizers, with clipping and averages, with Keras step by step.

use headstart_train::{
    TrainError,
    average::MovingAverage,
    clip::Clip,
    optimizers::{
        Adam, Algorithm, Optimizer, OptimizerConfig, OptimizerState, RmsProp, Sgd, Variable,
    },
    schedules::{CosineDecay, OneCycle, Schedule},
};
use serde_json::Value;

use crate::fixtures::{narrow, numbers, read, relative_error, uniform, wide, with_threads};

/// The configuration, with every option that Keras reports.
fn config(case: &Value) -> OptimizerConfig {
    let (kind, options) = (case["optimizer"].as_str().unwrap(), &case["options"]);
    let number = |name: &str| options[name].as_f64().unwrap();
    let algorithm = match kind {
        "sgd" => Algorithm::Sgd(Sgd {
            momentum: number("momentum"),
            nesterov: options["nesterov"].as_bool().unwrap(),
        }),
        "rmsprop" => Algorithm::RmsProp(RmsProp {
            rho: number("rho"),
            momentum: number("momentum"),
            epsilon: number("epsilon"),
            centered: options["centered"].as_bool().unwrap(),
        }),
        _ => Algorithm::Adam(Adam {
            beta_1: number("beta_1"),
            beta_2: number("beta_2"),
            epsilon: number("epsilon"),
        }),
    };
    let weight_decay = options["weight_decay"].as_f64().unwrap_or(0.0);
    let config = OptimizerConfig { algorithm, weight_decay };
    if ["sgd", "rmsprop", "adam", "adamw"].contains(&case["name"].as_str().unwrap()) {
        assert_eq!(kind.parse::<OptimizerConfig>().unwrap(), config, "Keras's defaults");
    }
    config
}

fn clip(options: &Value) -> Option<Clip> {
    let limit = |name: &str| options[name].as_f64();
    limit("clipvalue")
        .map(Clip::Value)
        .or(limit("clipnorm").map(Clip::Norm))
        .or(limit("global_clipnorm").map(Clip::GlobalNorm))
}

#[test]
fn variables_and_averages_are_those_of_keras_step_by_step() {
    let whole = read("optimizers/keras.json");
    let shown = numbers(&whole["steps_shown"]);
    let gradients = whole["gradients"].as_array().unwrap();
    let cases = whole["cases"].as_array().unwrap();
    assert_eq!((cases.len(), gradients.len()), (19, 12));
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (mut kernel, mut bias) = (narrow(&whole["start"][0]), narrow(&whole["start"][1]));
        let mut optimizer = Optimizer::new(config(case));
        let momentum = case["options"]["ema_momentum"].as_f64().unwrap();
        let mut average = MovingAverage::new(momentum).unwrap();
        let mut looked = 0;
        for (step, both) in gradients.iter().enumerate() {
            let (mut d_kernel, mut d_bias) = (narrow(&both[0]), narrow(&both[1]));
            if let Some(clip) = clip(&case["options"]) {
                clip.apply(&mut [&mut d_kernel, &mut d_bias]);
            }
            let decays = case["bias_decays"].as_bool().unwrap();
            let mut variables = [
                Variable::new(&mut kernel, &d_kernel),
                Variable { decays, ..Variable::new(&mut bias, &d_bias) },
            ];
            optimizer.step(whole["learning_rate"].as_f64().unwrap(), &mut variables);
            average.update(&[&kernel, &bias]);
            let Some(at) = shown.iter().position(|&shown| shown == (step + 1) as f64) else {
                continue;
            };
            let compare = |found: [&[f32]; 2], expected: &Value| {
                for (found, expected) in found.iter().zip(expected.as_array().unwrap()) {
                    let error = relative_error(&wide(found), &numbers(expected));
                    assert!(error < 1e-6, "{name}, step {}: off by {error}", step + 1);
                }
            };
            compare([&kernel, &bias], &case["variables"][at]);
            if !case["averages"][at].is_null() {
                compare([&average.averages()[0], &average.averages()[1]], &case["averages"][at]);
            }
            looked += 1;
        }
        assert_eq!(looked, 3);
    }
}

#[test]
fn every_name_is_that_of_an_optimizer() {
    let names = OptimizerConfig::NAMES.replace(" or ", ", ");
    for name in names.split(", ") {
        name.parse::<OptimizerConfig>().unwrap();
    }
}

fn every_kind() -> Vec<OptimizerConfig> {
    let rmsprop = RmsProp { momentum: 0.5, centered: true, ..RmsProp::default() };
    vec![
        OptimizerConfig::sgd(),
        Algorithm::Sgd(Sgd { momentum: 0.9, nesterov: false }).into(),
        Algorithm::Sgd(Sgd { momentum: 0.9, nesterov: true }).into(),
        OptimizerConfig::rmsprop(),
        Algorithm::RmsProp(rmsprop).into(),
        OptimizerConfig::adam(),
        OptimizerConfig::adamw(),
    ]
}

/// Runs steps on variables of these lengths, with synthetic values and gradients.
fn walk(optimizer: &mut Optimizer, variables: &mut [Vec<f32>], steps: std::ops::Range<u64>) {
    for step in steps {
        let gradients: Vec<Vec<f32>> =
            variables.iter().zip(10..).map(|(x, k)| uniform(x.len(), 100 * step + k)).collect();
        let pairs = variables.iter_mut().zip(&gradients);
        let mut pairs: Vec<Variable> = pairs.map(|(x, d)| Variable::new(x, d)).collect();
        optimizer.step(0.01, &mut pairs);
    }
}

fn made_up(lengths: &[usize]) -> Vec<Vec<f32>> {
    lengths.iter().zip(0..).map(|(&n, seed)| uniform(n, seed)).collect()
}

#[test]
fn steps_give_the_same_bits_whatever_the_threads_and_the_pieces() {
    for config in every_kind() {
        let run = |threads| {
            with_threads(threads, || {
                let mut variables = made_up(&[40_000, 3, 16_384, 16_385]);
                walk(&mut Optimizer::new(config), &mut variables, 0..3);
                variables
            })
        };
        let one = run(1);
        assert_eq!(one, run(3));
        // Elements are independent: a variable in two parts moves like a whole one.
        let (mut left, mut right) = (uniform(20_001, 0), uniform(40_000, 0).split_off(20_001));
        let mut optimizer = Optimizer::new(config);
        for step in 0..3 {
            let d = uniform(40_000, 100 * step + 10);
            let mut parts =
                [Variable::new(&mut left, &d[..20_001]), Variable::new(&mut right, &d[20_001..])];
            optimizer.step(0.01, &mut parts);
        }
        assert_eq!(one[0], [left, right].concat());
    }
}

#[test]
fn a_restored_optimizer_takes_the_steps_of_the_one_saved() {
    for config in every_kind() {
        let lengths = [17, 5];
        for saved_after in [0, 3] {
            let (mut variables, mut optimizer) = (made_up(&lengths), Optimizer::new(config));
            walk(&mut optimizer, &mut variables, 0..saved_after);
            let saved = serde_json::to_string(&(config, optimizer.state())).unwrap();
            let mut resumed = variables.clone();
            walk(&mut optimizer, &mut variables, saved_after..6);

            let (config, state): (OptimizerConfig, OptimizerState) =
                serde_json::from_str(&saved).unwrap();
            let mut optimizer = Optimizer::restore(config, state, &lengths).unwrap();
            assert_eq!(optimizer.steps() as u64, saved_after);
            walk(&mut optimizer, &mut resumed, saved_after..6);
            assert_eq!(resumed, variables);
        }
    }
}

#[test]
fn a_state_of_another_optimizer_or_other_variables_is_an_error() {
    let mut optimizer = Optimizer::new(OptimizerConfig::rmsprop());
    walk(&mut optimizer, &mut made_up(&[17, 5]), 0..1);
    let restore = |config, lengths: &[usize]| {
        Optimizer::restore(config, optimizer.state(), lengths).unwrap_err()
    };
    let error = restore(OptimizerConfig::adam(), &[17, 5]);
    assert!(matches!(error, TrainError::OtherOptimizer { .. }));
    assert!(error.to_string().contains("keeps velocity, where this one keeps momentum, velocity"));
    let error = restore(OptimizerConfig::sgd(), &[17, 5]);
    assert!(error.to_string().contains("keeps velocity, where this one keeps nothing"));
    for lengths in [&[17][..], &[17, 6], &[17, 5, 1]] {
        let error = restore(OptimizerConfig::rmsprop(), lengths);
        assert!(matches!(error, TrainError::Length { .. }), "{error}");
    }
}

#[test]
fn the_rate_of_a_variable_multiplies_the_learning_rate() {
    for config in every_kind() {
        let config = OptimizerConfig { weight_decay: 0.1, ..config };
        let run = |learning_rate, rate| {
            let (mut x, mut optimizer) = (uniform(50, 1), Optimizer::new(config));
            for step in 2..5 {
                let d = uniform(50, step);
                optimizer
                    .step(learning_rate, &mut [Variable { rate, ..Variable::new(&mut x, &d) }]);
            }
            x
        };
        assert_eq!(run(0.5, 0.125), run(0.0625, 1.0));
        assert_eq!(run(0.5, 0.0), uniform(50, 1));
    }
}

#[test]
fn a_centered_rmsprop_stays_finite_where_gradients_are_large_and_equal() {
    let algorithm = Algorithm::RmsProp(RmsProp { centered: true, ..RmsProp::default() });
    let (mut optimizer, mut x) = (Optimizer::new(algorithm.into()), vec![0.0; 100]);
    let d: Vec<f32> = uniform(100, 1).iter().map(|v| 1e5 * v).collect();
    for _ in 0..500 {
        optimizer.step(1e-3, &mut [Variable::new(&mut x, &d)]);
    }
    assert!(x.iter().all(|x| x.is_finite()));
}

#[test]
fn options_that_make_no_sense_are_errors_that_name_them() {
    let (sgd, adam, rmsprop) = (Sgd::default(), Adam::default(), RmsProp::default());
    let optimizers: [(Algorithm, &str); 7] = [
        (Algorithm::Sgd(Sgd { momentum: 1.5, ..sgd }), "momentum is 1.5"),
        (Algorithm::RmsProp(RmsProp { rho: 1.0, ..rmsprop }), "rho is 1;"),
        (Algorithm::RmsProp(RmsProp { momentum: f64::NAN, ..rmsprop }), "momentum is NaN"),
        (Algorithm::RmsProp(RmsProp { epsilon: 0.0, ..rmsprop }), "epsilon is 0;"),
        (Algorithm::Adam(Adam { beta_1: -0.1, ..adam }), "beta_1 is -0.1"),
        (Algorithm::Adam(Adam { beta_2: 1.0, ..adam }), "beta_2 is 1;"),
        (Algorithm::Adam(Adam { epsilon: -1.0, ..adam }), "epsilon is -1;"),
    ];
    let mut errors: Vec<(TrainError, &str)> = optimizers
        .map(|(algorithm, named)| (OptimizerConfig::from(algorithm).check().unwrap_err(), named))
        .into();
    let decaying = OptimizerConfig { weight_decay: -1.0, ..OptimizerConfig::sgd() };
    let schedule = |cycle| Schedule::OneCycle(cycle).check().unwrap_err();
    let alpha = CosineDecay { alpha: 2.0, ..CosineDecay::default() };
    errors.extend([
        (decaying.check().unwrap_err(), "weight decay is -1"),
        ("fastest".parse::<OptimizerConfig>().unwrap_err(), "is fastest; it must be sgd,"),
        (Clip::Norm(0.0).check().unwrap_err(), "clipnorm is 0;"),
        (Clip::GlobalNorm(f64::INFINITY).check().unwrap_err(), "global_clipnorm is inf"),
        (Schedule::CosineDecay(alpha).check().unwrap_err(), "alpha is 2;"),
        (schedule(OneCycle { pct_start: -0.5, ..OneCycle::default() }), "pct_start is -0.5"),
        (schedule(OneCycle { div_factor: 0.0, ..OneCycle::default() }), "div_factor is 0;"),
        (MovingAverage::new(1.5).unwrap_err(), "momentum of the average is 1.5"),
    ]);
    for (error, named) in errors {
        assert!(error.to_string().contains(named), "{error}");
    }
}
