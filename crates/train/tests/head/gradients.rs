use headstart_engine::head::Dense;
use headstart_train::{
    layers::{Dropout, dense::backward},
    losses::{Loss, Targets},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::fixtures::{uniform, wide};

/// The derivative of `f` with respect to each element of `x`, by central differences. With x around
/// 1, steps of 2^-6 and sums in f64, truncation (h² f'''/6) and rounding (2^-24 / h) both stay below
/// 1e-4.
fn differences(x: &[f32], mut f: impl FnMut(&[f32]) -> f64) -> Vec<f64> {
    let h = 1.0 / 64.0;
    let mut x = x.to_vec();
    (0..x.len())
        .map(|index| {
            let here = x[index];
            x[index] = here + h;
            let above = f(&x);
            x[index] = here - h;
            let below = f(&x);
            x[index] = here;
            (above - below) / (2.0 * f64::from(h))
        })
        .collect()
}

fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    for (index, (a, b)) in wide(found).iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance, "{index}: {a} for {b}");
    }
}

#[test]
fn gradients_of_dense_are_its_finite_differences() {
    for (n, dim, units) in [(1, 1, 1), (3, 5, 1), (4, 7, 3), (9, 17, 10)] {
        let (x, kernel) = (uniform(n * dim, 1), uniform(dim * units, 2));
        let (bias, d_y) = (uniform(units, 3), uniform(n * units, 4));
        // A linear function of y, with gradient d_y.
        let value = |x: &[f32], kernel: &[f32], bias: &[f32]| -> f64 {
            let mut y = vec![f32::NAN; n * units];
            Dense { kernel, bias }.forward(x, &mut y);
            y.iter().zip(&d_y).map(|(y, d)| f64::from(y * d)).sum()
        };
        let mut d_x = vec![f32::NAN; n * dim];
        let (mut d_kernel, mut d_bias) = (vec![f32::NAN; dim * units], vec![f32::NAN; units]);
        let dense = Dense { kernel: &kernel, bias: &bias };
        backward(dense, &x, &d_y, (&mut d_kernel, &mut d_bias), Some(&mut d_x));
        assert_close(&d_x, &differences(&x, |x| value(x, &kernel, &bias)), 2e-4);
        assert_close(&d_kernel, &differences(&kernel, |kernel| value(&x, kernel, &bias)), 2e-4);
        assert_close(&d_bias, &differences(&bias, |bias| value(&x, &kernel, bias)), 2e-4);
    }
}

/// Soft targets of n rows that favour no particular class.
fn mixed(loss: Loss, n: usize) -> Vec<f32> {
    let mut targets: Vec<f32> = uniform(n * loss.units(), 6).iter().map(|t| t.abs()).collect();
    if loss.units() > 1 {
        for row in targets.chunks_exact_mut(loss.units()) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|t| *t /= sum);
        }
    }
    targets
}

#[test]
fn gradients_of_losses_are_their_finite_differences() {
    let labels = [1, 0, 1, 1, 0];
    let weights = [0.5, 1.0, 2.0, 0.0, 3.0];
    for classes in [2, 3, 10] {
        let loss = Loss::of(classes);
        let logits: Vec<f32> =
            uniform(labels.len() * loss.units(), 5).iter().map(|v| 3.0 * v).collect();
        let soft = mixed(loss, labels.len());
        for targets in [Targets::Labels(&labels), Targets::Soft(&soft)] {
            for weights in [None, Some(&weights[..])] {
                let mut d_logits = vec![f32::NAN; logits.len()];
                loss.backward(&logits, targets, weights, &mut d_logits);
                let expected =
                    differences(&logits, |logits| loss.forward(logits, targets, weights));
                assert_close(&d_logits, &expected, 1e-4);
            }
        }
    }
}

#[test]
fn gradients_of_sets_of_classes_are_their_finite_differences() {
    let (n, units) = (5, 4);
    let sets = [vec![], vec![2], vec![0, 3], vec![0, 1, 2, 3]];
    let labels = [2, 0, 3, 1, 1];
    let loss = Loss::BinaryCrossentropy { units };
    let logits: Vec<f32> = uniform(n * units, 5).iter().map(|v| 3.0 * v).collect();
    let of_rows = [0.5, 1.0, 2.0, 0.0, 3.0];
    let of_pairs: Vec<f32> = uniform(n * units, 6).iter().map(|v| 2.0 * v.abs()).collect();
    let soft: Vec<f32> = uniform(n * units, 7).iter().map(|v| v.abs()).collect();
    for targets in [Targets::Sets { labels: &labels, sets: &sets }, Targets::Soft(&soft)] {
        for weights in [None, Some(&of_rows[..]), Some(&of_pairs[..])] {
            let mut d_logits = vec![f32::NAN; logits.len()];
            loss.backward(&logits, targets, weights, &mut d_logits);
            let expected = differences(&logits, |logits| loss.forward(logits, targets, weights));
            assert_close(&d_logits, &expected, 1e-4);
        }
    }
}

#[test]
fn losses_stay_finite_for_huge_logits() {
    for (classes, logits, expected) in [
        (2, vec![1e30, -1e30], 5e29),
        (2, vec![-1e30, -1e30], 1e30),
        (3, vec![1e30, -1e30, 0.0, 0.0, 1e30, 0.0], 5e29),
    ] {
        let labels = if classes == 2 { [1, 1] } else { [0, 2] };
        let loss = Loss::of(classes);
        let targets = Targets::Labels(&labels);
        let value = loss.forward(&logits, targets, None);
        // Correct rows cost nothing, wrong rows the difference of their logits.
        assert!((value / expected - 1.0).abs() < 1.0 && value.is_finite(), "{value}");
        let mut d_logits = vec![f32::NAN; logits.len()];
        loss.backward(&logits, targets, None, &mut d_logits);
        assert!(d_logits.iter().all(|d| d.is_finite()));
    }
}

#[test]
fn dropout_drops_its_share_and_keeps_the_mean() {
    let x = vec![1.0; 100_000];
    for rate in [0.0, 0.2, 0.5, 0.9] {
        let (mut mask, mut y) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let mut random = ChaCha8Rng::seed_from_u64(1);
        Dropout { rate }.forward(&mut random, &x, &mut mask, &mut y);
        let share = y.iter().filter(|&&y| y == 0.0).count() as f32 / x.len() as f32;
        let mean = y.iter().sum::<f32>() / x.len() as f32;
        assert!((share - rate).abs() < 0.01, "{share} for {rate}");
        assert!((mean - 1.0).abs() < 0.03, "{mean} for {rate}");
        let mut d_x = vec![0.0; x.len()];
        Dropout::backward(&mask, &x, &mut d_x);
        assert_eq!(d_x, y);
    }
}

#[test]
fn the_gradient_of_dropout_is_its_finite_difference_under_the_same_mask() {
    for rate in [0.0, 0.3, 0.8] {
        let (x, d_y) = (uniform(50, 1), uniform(50, 2));
        let forward = |x: &[f32]| {
            let (mut mask, mut y) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            let mut random = ChaCha8Rng::seed_from_u64(7);
            Dropout { rate }.forward(&mut random, x, &mut mask, &mut y);
            (mask, y)
        };
        let mut d_x = vec![f32::NAN; x.len()];
        Dropout::backward(&forward(&x).0, &d_y, &mut d_x);
        let value = |x: &[f32]| forward(x).1.iter().zip(&d_y).map(|(y, d)| f64::from(y * d)).sum();
        assert_close(&d_x, &differences(&x, value), 2e-4);
    }
}
