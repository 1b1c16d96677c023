//! Binary cross-entropy from logits: a single logit, that of class 1, for two exclusive classes, or one for each class
//! of a multi-label task.

use headstart_engine::head::sigmoid;

use super::Targets;

/// The cross-entropy of a logit whose positive class has the probability `target`: max(z, 0) - z target + ln(1 +
/// e^-|z|).
pub(crate) fn of_logit(z: f64, target: f64) -> f64 {
    z.max(0.0) - z * target + (-z.abs()).exp().ln_1p()
}

/// The mean loss of logits, n x units; the loss of a row is the mean over its logits.
pub fn forward(logits: &[f32], units: usize, targets: Targets, weights: Option<&[f32]>) -> f64 {
    let weight = weigher(logits.len(), units, weights);
    let mut t = vec![0.0; units];
    let mut total = 0.0;
    for (row, z) in logits.chunks_exact(units).enumerate() {
        targets.of_row(row, &mut t);
        for (unit, (&z, &t)) in z.iter().zip(&t).enumerate() {
            total += weight(row, unit) * of_logit(z.into(), t);
        }
    }
    total / logits.len() as f64
}

/// The gradient of the mean loss with respect to the logits, n x units.
pub fn backward(
    logits: &[f32],
    units: usize,
    targets: Targets,
    weights: Option<&[f32]>,
    d_logits: &mut [f32],
) {
    let n = logits.len() as f64;
    let weight = weigher(logits.len(), units, weights);
    let mut t = vec![0.0; units];
    let rows = logits.chunks_exact(units).zip(d_logits.chunks_exact_mut(units));
    for (row, (z, d_z)) in rows.enumerate() {
        targets.of_row(row, &mut t);
        for (unit, ((&z, d), &t)) in z.iter().zip(d_z).zip(&t).enumerate() {
            *d = (weight(row, unit) / n * (sigmoid(z.into()) - t)) as f32;
        }
    }
}

/// The weight of each logit, from a weight per logit or per row.
fn weigher(
    logits: usize,
    units: usize,
    weights: Option<&[f32]>,
) -> impl Fn(usize, usize) -> f64 + '_ {
    let for_each = weights.is_some_and(|weights| weights.len() == logits);
    move |row, unit| {
        let at = if for_each { row * units + unit } else { row };
        weights.map_or(1.0, |weights| weights[at].into())
    }
}
