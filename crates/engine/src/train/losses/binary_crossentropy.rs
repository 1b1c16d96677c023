//! Cross-entropy of two classes from one logit, that of class 1.

/// 1 / (1 + e^-z), without overflow.
pub fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// -ln of the probability of the label: max(z, 0) - z label + ln(1 + e^-|z|).
pub(crate) fn of_row(z: f64, label: usize) -> f64 {
    z.max(0.0) - if label == 1 { z } else { 0.0 } + (-z.abs()).exp().ln_1p()
}

/// The mean loss of n logits.
pub fn forward(logits: &[f32], labels: &[usize], weights: Option<&[f32]>) -> f64 {
    let rows = logits.iter().zip(labels).enumerate();
    let sum: f64 = rows
        .map(|(row, (&z, &label))| {
            weights.map_or(1.0, |w| f64::from(w[row])) * of_row(z.into(), label)
        })
        .sum();
    sum / labels.len() as f64
}

/// The gradient of the mean loss with respect to the n logits.
pub fn backward(logits: &[f32], labels: &[usize], weights: Option<&[f32]>, d_logits: &mut [f32]) {
    let n = labels.len() as f64;
    for (row, (&z, &label)) in logits.iter().zip(labels).enumerate() {
        let weight = weights.map_or(1.0, |w| f64::from(w[row]));
        d_logits[row] = (weight / n * (sigmoid(z.into()) - label as f64)) as f32;
    }
}
