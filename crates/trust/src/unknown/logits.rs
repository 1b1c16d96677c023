//! Parts computed from the logits.

/// The negative logarithm of the sum of exponentials; a single logit is that of the second of two classes.
pub(super) fn energy(logits: &[f32]) -> f32 {
    let of_first = (logits.len() == 1).then_some(0.0);
    let all = || logits.iter().map(|&z| f64::from(z)).chain(of_first);
    let highest = all().fold(f64::NEG_INFINITY, f64::max);
    -(highest + all().map(|z| (z - highest).exp()).sum::<f64>().ln()) as f32
}

/// The negative difference of the highest and the second highest logit; a single logit is that of the second of two
/// classes.
pub(super) fn margin(logits: &[f32]) -> f32 {
    let of_first = (logits.len() == 1).then_some(0.0);
    let (mut highest, mut next) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    for z in logits.iter().copied().chain(of_first) {
        (highest, next) = if z > highest { (z, highest) } else { (highest, next.max(z)) };
    }
    next - highest
}

/// The energy in a multi-label task (JointEnergy, Wang et al. 2021): the sum over the labels of the logarithm of 1 +
/// e^logit.
pub(super) fn joint_energy(logits: &[f32]) -> f32 {
    let of_label = |&z: &f32| f64::from(z).max(0.0) + (-f64::from(z).abs()).exp().ln_1p();
    -logits.iter().map(of_label).sum::<f64>() as f32
}
