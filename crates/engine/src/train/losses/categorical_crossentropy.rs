//! Cross-entropy of a softmax over a logit for each class.

/// Probabilities from the logits of one sample, in place; returns the logarithm of the sum of the
/// logits' exponentials, so that the loss is that minus the label's logit.
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

/// The mean loss of logits, n x classes.
pub fn forward(logits: &[f32], classes: usize, labels: &[usize], weights: Option<&[f32]>) -> f64 {
    let mut p = vec![0.0; classes];
    let mut total = 0.0;
    for (row, (z, &label)) in logits.chunks_exact(classes).zip(labels).enumerate() {
        widen(z, &mut p);
        let loss = softmax(&mut p) - f64::from(z[label]);
        total += weights.map_or(1.0, |w| f64::from(w[row])) * loss;
    }
    total / labels.len() as f64
}

/// The gradient of the mean loss with respect to the logits, n x classes.
pub fn backward(
    logits: &[f32],
    classes: usize,
    labels: &[usize],
    weights: Option<&[f32]>,
    d_logits: &mut [f32],
) {
    let n = labels.len() as f64;
    let mut p = vec![0.0; classes];
    let rows = logits.chunks_exact(classes).zip(d_logits.chunks_exact_mut(classes));
    for (row, ((z, d_z), &label)) in rows.zip(labels).enumerate() {
        widen(z, &mut p);
        softmax(&mut p);
        p[label] -= 1.0;
        let scale = weights.map_or(1.0, |w| f64::from(w[row])) / n;
        for (d, p) in d_z.iter_mut().zip(&p) {
            *d = (scale * p) as f32;
        }
    }
}

fn widen(from: &[f32], to: &mut [f64]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from.into();
    }
}
