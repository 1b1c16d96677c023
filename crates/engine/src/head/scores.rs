//! Conversion of logits to probabilities and classes.

use super::Task;

/// 1 / (1 + e^-z), without overflow.
pub fn sigmoid(z: f64) -> f64 {
    let e = (-z.abs()).exp();
    if z >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Converts the logits of one sample to probabilities in place. Returns the logarithm of the sum of their exponentials,
/// which minus a class's logit is the loss of that class.
pub fn softmax(row: &mut [f64]) -> f64 {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for z in row.iter_mut() {
        *z = (*z - largest).exp();
        sum += *z;
    }
    for p in row.iter_mut() {
        *p /= sum;
    }
    largest + sum.ln()
}

/// The class with the largest probability; the first one if there is a tie.
pub fn argmax(probabilities: &[f32]) -> usize {
    let mut best = 0;
    for (class, &p) in probabilities.iter().enumerate() {
        if p > probabilities[best] {
            best = class;
        }
    }
    best
}

/// Computes n x classes probabilities from n x units logits.
pub fn probabilities(logits: &[f32], task: Task, classes: usize) -> Vec<f32> {
    if task == Task::MultiLabel {
        return logits.iter().map(|&z| sigmoid(z.into()) as f32).collect();
    }
    if classes == 2 {
        let pair = |&z: &f32| [sigmoid(-f64::from(z)) as f32, sigmoid(z.into()) as f32];
        return logits.iter().flat_map(pair).collect();
    }
    let mut result = Vec::with_capacity(logits.len());
    for row in logits.chunks_exact(classes) {
        let mut p: Vec<f64> = row.iter().map(|&z| z.into()).collect();
        softmax(&mut p);
        result.extend(p.iter().map(|&p| p as f32));
    }
    result
}

/// Returns the most probable class of each row of n x units logits.
pub fn predict(logits: &[f32], units: usize) -> Vec<usize> {
    match units {
        1 => logits.iter().map(|&z| usize::from(z > 0.0)).collect(),
        _ => logits.chunks_exact(units).map(argmax).collect(),
    }
}
