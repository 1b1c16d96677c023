//! Pooling and elementwise operations against naive oracles.

mod common;

use common::{assert_close, values};
use headstart_kernels::{Clamp, Isa, elementwise, pool};

#[test]
fn global_average_is_the_mean_over_positions() {
    for isa in Isa::available() {
        for (positions, channels) in [(1, 1), (25, 40), (9, 16), (3, 7)] {
            let x = values(1, positions * channels);
            let mut out = vec![f32::NAN; channels];
            pool::global_average(isa, &x, &mut out);
            let mean = |c: usize| {
                x.iter().skip(c).step_by(channels).map(|&x| f64::from(x)).sum::<f64>()
                    / positions as f64
            };
            let expected: Vec<f64> = (0..channels).map(mean).collect();
            assert_close(&out, &expected, 1, &format!("{isa:?} {positions}x{channels}"));
        }
    }
}

#[test]
fn affine_clamps_after_the_residual() {
    let x = [1.0, -1.0, 2.0, 5.0];
    let residual = [0.5, 0.5, -9.0, 9.0];
    let clamp = Clamp { min: 0.0, max: 6.0 };
    let mut out = [f32::NAN; 4];
    elementwise::affine(&x, &[2.0, 1.0], &[1.0, 0.0], Some(&residual), clamp, &mut out);
    assert_eq!(out, [3.5, 0.0, 0.0, 6.0]);
}

#[test]
fn softmax_survives_large_logits() {
    let mut x = [1e4, 1e4, -1e4, 0.0, 0.0, 0.0];
    elementwise::softmax(&mut x, 3);
    assert_eq!(x[..3], [0.5, 0.5, 0.0]);
    assert!((x[3] - 1.0 / 3.0).abs() < 1e-6);
}

#[test]
fn normalize_scales_each_channel_by_its_own() {
    let x: Vec<u8> = (0..=254).collect();
    let (scale, offset) = ([1.0, 0.5, 2.0], [0.0, -1.0, 3.0]);
    for isa in Isa::available() {
        for pixels in [1, 15, 16, 17, 85] {
            let mut out = vec![f32::NAN; pixels * 3];
            elementwise::Normalize::new(isa, scale, offset).run(&x[..pixels * 3], &mut out);
            for (i, out) in out.iter().enumerate() {
                assert_eq!(*out, i as f32 * scale[i % 3] + offset[i % 3], "{isa:?} {pixels}");
            }
        }
    }
}
