//! Cross-entropy of a softmax over one logit per class.

use headstart_engine::head::softmax;

use super::{Targets, widen};

/// The mean loss of logits, n x classes.
pub fn forward(logits: &[f32], classes: usize, targets: Targets, weights: Option<&[f32]>) -> f64 {
    let (mut p, mut t) = (vec![0.0; classes], vec![0.0; classes]);
    let mut total = 0.0;
    for (row, z) in logits.chunks_exact(classes).enumerate() {
        widen(z, &mut p);
        targets.of_row(row, &mut t);
        let log_sum = softmax(&mut p);
        let loss: f64 = t.iter().zip(z).map(|(t, &z)| t * (log_sum - f64::from(z))).sum();
        total += weights.map_or(1.0, |weights| weights[row].into()) * loss;
    }
    total / (logits.len() / classes) as f64
}

/// The gradient of the mean loss with respect to the logits, n x classes.
pub fn backward(
    logits: &[f32],
    classes: usize,
    targets: Targets,
    weights: Option<&[f32]>,
    d_logits: &mut [f32],
) {
    let n = (logits.len() / classes) as f64;
    let (mut p, mut t) = (vec![0.0; classes], vec![0.0; classes]);
    let rows = logits.chunks_exact(classes).zip(d_logits.chunks_exact_mut(classes));
    for (row, (z, d_z)) in rows.enumerate() {
        widen(z, &mut p);
        softmax(&mut p);
        targets.of_row(row, &mut t);
        let scale = weights.map_or(1.0, |weights| f64::from(weights[row])) / n;
        for ((d, p), t) in d_z.iter_mut().zip(&p).zip(&t) {
            *d = (scale * (p - t)) as f32;
        }
    }
}
