//! Operations on each value by itself. They are plain loops: none is hot once a plan is fused.

use crate::Clamp;

/// `out[p][c] = x[p][c] * scale[c] + offset[c]` for u8 pixels `[pixels][3]`.
///
/// # Panics
/// When `x` and `out` differ in length.
pub fn normalize(x: &[u8], scale: [f32; 3], offset: [f32; 3], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "x and out do not agree");
    let (x, _) = x.as_chunks::<3>();
    let (out, _) = out.as_chunks_mut::<3>();
    for (x, out) in x.iter().zip(out) {
        for c in 0..3 {
            out[c] = f32::from(x[c]) * scale[c] + offset[c];
        }
    }
}

/// `out[p][c] = clamp(x[p][c] * scale[c] + bias[c] + residual[p][c])`.
///
/// # Panics
/// When the lengths do not agree.
pub fn affine(
    x: &[f32],
    scale: &[f32],
    bias: &[f32],
    residual: Option<&[f32]>,
    clamp: Clamp,
    out: &mut [f32],
) {
    let channels = scale.len();
    assert!(x.len() == out.len() && x.len().is_multiple_of(channels), "x and out do not agree");
    assert!(residual.is_none_or(|r| r.len() == x.len()), "residual's length");
    for (pixel, (x, out)) in
        x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)).enumerate()
    {
        for c in 0..channels {
            let residual = residual.map_or(0.0, |r| r[pixel * channels + c]);
            out[c] = (x[c] * scale[c] + bias[c] + residual).max(clamp.min).min(clamp.max);
        }
    }
}

/// `exp(x_i) / sum_j exp(x_j)` in place, for each row of `classes`.
pub fn softmax(x: &mut [f32], classes: usize) {
    for row in x.chunks_exact_mut(classes) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for x in row.iter_mut() {
            *x = (*x - max).exp();
            sum += *x;
        }
        for x in row {
            *x /= sum;
        }
    }
}
