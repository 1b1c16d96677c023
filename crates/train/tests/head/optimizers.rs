use headstart_engine::head::Dense;
use headstart_train::{
    layers::dense::backward,
    losses::{Loss, Targets},
    optimizers::{Lbfgs, LbfgsConfig, LbfgsStatus, Optimizer, OptimizerConfig, Variable},
};

use crate::fixtures::{Data, cases, numbers, relative_error, wide};

#[test]
fn adam_gives_the_losses_of_keras_step_by_step() {
    let data = Data::read();
    let x = data.f32("x_standardised");
    let mut seen = 0;
    let of_classes =
        |case: &&serde_json::Value| case["optimizer"] == "adam" && case["sample_weight"].is_null();
    for case in cases("keras.json").iter().filter(of_classes) {
        let labels = data.labels(case["target"].as_str().unwrap());
        let mut kernel = data.f32(case["start"][0].as_str().unwrap());
        let mut bias = data.f32(case["start"][1].as_str().unwrap());
        let loss = Loss::of(if case["loss"] == "binary" { 2 } else { 3 });
        let by_class = case["class_weight"].as_array().map(|_| numbers(&case["class_weight"]));
        let learning_rate = case["learning_rate"].as_f64().unwrap();
        let mut adam = Optimizer::new(OptimizerConfig::adam());
        let batches = x.chunks(32 * 24).zip(labels.chunks(32)).cycle();
        for (step, (expected, (x, labels))) in
            numbers(&case["step_losses"]).iter().zip(batches).enumerate()
        {
            let weights: Option<Vec<f32>> =
                by_class.as_ref().map(|by| labels.iter().map(|&label| by[label] as f32).collect());
            let mut logits = vec![0.0; labels.len() * bias.len()];
            let mut d_logits = logits.clone();
            let (mut d_kernel, mut d_bias) = (vec![0.0; kernel.len()], vec![0.0; bias.len()]);
            let dense = Dense { kernel: &kernel, bias: &bias };
            dense.forward(x, &mut logits);
            let targets = Targets::Labels(labels);
            let value = loss.forward(&logits, targets, weights.as_deref());
            loss.backward(&logits, targets, weights.as_deref(), &mut d_logits);
            backward(dense, x, &d_logits, (&mut d_kernel, &mut d_bias), None);
            if step == 0 {
                let expected = numbers(&case["first_kernel_gradient"]);
                assert!(relative_error(&wide(&d_kernel), &expected) < 1e-5);
                let expected = numbers(&case["first_bias_gradient"]);
                assert!(relative_error(&wide(&d_bias), &expected) < 1e-5);
            }
            assert!((value - expected).abs() < 1e-5, "step {step}: {value} for {expected}");
            adam.step(
                learning_rate,
                &mut [Variable::new(&mut kernel, &d_kernel), Variable::new(&mut bias, &d_bias)],
            );
        }
        assert!(relative_error(&wide(&kernel), &numbers(&case["final_kernel"])) < 1e-5);
        assert!(relative_error(&wide(&bias), &numbers(&case["final_bias"])) < 1e-4);
        seen += 1;
    }
    assert_eq!(seen, 4);
}

fn minimise(solver: &mut Lbfgs, f: impl Fn(&[f64]) -> (f64, Vec<f64>)) -> usize {
    let mut evaluations = 0;
    while solver.status() == LbfgsStatus::Running {
        let (value, gradient) = f(solver.point());
        solver.tell(value, &gradient);
        evaluations += 1;
        assert!(evaluations < 2000);
    }
    evaluations
}

/// sum of k/2 (x_k - 1)² + (x_k - 1)^4 + shrink/2 x_k²: convex, badly scaled, not quadratic.
fn valley(x: &[f64], shrink: f64) -> (f64, Vec<f64>) {
    let mut value = 0.0;
    let gradient = x.iter().enumerate().map(|(k, &x)| {
        let (scale, off) = ((k * k + 1) as f64, x - 1.0);
        value += scale / 2.0 * off * off + off.powi(4) + shrink / 2.0 * x * x;
        scale * off + 4.0 * off.powi(3) + shrink * x
    });
    let gradient = gradient.collect();
    (value, gradient)
}

#[test]
fn lbfgs_finds_the_minimum_of_badly_scaled_functions() {
    let config = LbfgsConfig { tolerance: 1e-8, ..LbfgsConfig::default() };
    // SciPy's L-BFGS-B takes 913 evaluations for 100 parameters.
    for (n, limit) in [(1, 20), (2, 30), (30, 300), (100, 1000)] {
        let mut solver = Lbfgs::new(vec![-3.0; n], config);
        let evaluations = minimise(&mut solver, |x| valley(x, 0.0));
        assert_eq!(solver.status(), LbfgsStatus::Converged, "{n}");
        assert!(solver.best().iter().all(|x| (x - 1.0).abs() < 1e-7), "{n}");
        assert!(evaluations < limit, "{n}: {evaluations}");
    }
}

#[test]
fn lbfgs_is_fast_where_the_scale_is_known() {
    let config = LbfgsConfig { tolerance: 1e-8, ..LbfgsConfig::default() };
    let mut solver = Lbfgs::new(vec![-3.0; 100], config);
    solver.set_scale((0..100).map(|k| 1.0 / f64::from(k * k + 1)).collect());
    let evaluations = minimise(&mut solver, |x| valley(x, 0.0));
    assert!(solver.best().iter().all(|x| (x - 1.0).abs() < 1e-7));
    assert!(evaluations < 60, "{evaluations}");
}

#[test]
fn lbfgs_goes_on_from_a_changed_penalty_to_the_same_minimum() {
    let config = LbfgsConfig { tolerance: 1e-9, ..LbfgsConfig::default() };
    let mut path = Lbfgs::new(vec![0.0; 20], config);
    minimise(&mut path, |x| valley(x, 5.0));
    path.add_square(0.5 - 5.0, 0..20);
    let warm = minimise(&mut path, |x| valley(x, 0.5));
    let mut fresh = Lbfgs::new(vec![0.0; 20], config);
    let cold = minimise(&mut fresh, |x| valley(x, 0.5));
    assert!(relative_error(path.best(), fresh.best()) < 1e-8);
    assert!((path.value() - fresh.value()).abs() < 1e-12);
    assert!(warm < cold, "{warm} evaluations, {cold} from the start");
}

#[test]
fn lbfgs_stops_where_the_function_is_not_finite_everywhere_else() {
    let mut solver = Lbfgs::new(vec![1.0], LbfgsConfig::default());
    let value = |x: &[f64]| if x[0] == 1.0 { 1.0 } else { f64::NAN };
    minimise(&mut solver, |x| (value(x), vec![1.0]));
    assert_eq!(solver.status(), LbfgsStatus::Stopped);
    assert_eq!(solver.best(), [1.0]);
}
