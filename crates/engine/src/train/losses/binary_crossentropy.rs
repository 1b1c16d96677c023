//! Cross-entropy of two classes from one logit, that of class 1.

use super::{Targets, weight_of};

/// 1 / (1 + e^-z), without overflow.
pub fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// The cross-entropy of a logit where class 1 has the probability `target`:
/// max(z, 0) - z target + ln(1 + e^-|z|).
pub(crate) fn of_row(z: f64, target: f64) -> f64 {
    z.max(0.0) - z * target + (-z.abs()).exp().ln_1p()
}

/// The mean loss of n logits.
pub fn forward(logits: &[f32], targets: Targets, weights: Option<&[f32]>) -> f64 {
    let of_row = |(row, &z): (usize, &f32)| {
        weight_of(row, weights) * of_row(z.into(), targets.of_class_1(row))
    };
    logits.iter().enumerate().map(of_row).sum::<f64>() / logits.len() as f64
}

/// The gradient of the mean loss with respect to the n logits.
pub fn backward(logits: &[f32], targets: Targets, weights: Option<&[f32]>, d_logits: &mut [f32]) {
    let n = logits.len() as f64;
    for (row, (&z, d)) in logits.iter().zip(d_logits).enumerate() {
        *d = (weight_of(row, weights) / n * (sigmoid(z.into()) - targets.of_class_1(row))) as f32;
    }
}
