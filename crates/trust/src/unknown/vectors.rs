//! Arithmetic on features, which models store in f16.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// The scalar product, in a summation order that is fast on processors.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<16>();
    let (b, b_rest) = b.as_chunks::<16>();
    let mut sums = [0.0_f32; 16];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..16 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

/// The same direction with length 1; zero stays zero.
pub(super) fn unit(features: &[f32]) -> Vec<f32> {
    let length = features.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    features.iter().map(|&x| (f64::from(x) * scale) as f32).collect()
}

/// Values that are converted at a time.
const BLOCK: usize = 256;

/// Rounds values to f16, so that a model gives the same results before and after it is written.
pub(super) fn as_f16(values: &mut [f32]) {
    // Slices are converted several times as fast as single values.
    let mut halves = [f16::ZERO; BLOCK];
    for values in values.chunks_mut(BLOCK) {
        let halves = &mut halves[..values.len()];
        halves.convert_from_f32_slice(values);
        halves.convert_to_f32_slice(values);
    }
}

/// Limits rows to length 1 in f16 precision, so that they are the same before and after storage in a file.
pub(super) fn short_rows(name: &str, mut values: Vec<f32>) -> Result<Vec<f32>, String> {
    let mut is_long = false;
    // There may be a million values: each is loaded once, and there is no branch for it.
    for values in values.chunks_mut(BLOCK) {
        is_long |= values.iter().fold(false, |any, x| any | (x.abs() > 1.01));
        as_f16(values);
    }
    match is_long {
        true => Err(format!("its {name} has rows longer than 1")),
        false => Ok(values),
    }
}

/// Mean and standard deviation.
pub(super) fn spread(values: &[f32]) -> (f32, f32) {
    let n = values.len() as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let square = |&x: &f32| (f64::from(x) - mean).powi(2);
    (mean as f32, (values.iter().map(square).sum::<f64>() / n).sqrt() as f32)
}
