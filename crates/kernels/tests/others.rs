//! Compares pooling and elementwise operations with naive oracles.

mod common;

use common::{assert_close, values};
use headstart_kernels::{Clamp, Function, Isa, LayerNormGradient, elementwise, layer_norm, pool};

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

/// `erf`, by the series of Abramowitz and Stegun 7.1.6, exact up to rounding for the arguments used.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.9 {
        return x.signum();
    }
    let (mut sum, mut term, mut n) = (x, x, 0.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

/// A function and its derivative in f64.
fn in_f64(function: Function, x: f64) -> (f64, f64) {
    let sigmoid = 1.0 / (1.0 + (-x).exp());
    let hard = ((x + 3.0) / 6.0).clamp(0.0, 1.0);
    let inside = if x.abs() < 3.0 { 1.0 / 6.0 } else { 0.0 };
    let probability = (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)) / 2.0;
    let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    match function {
        Function::Sigmoid => (sigmoid, sigmoid * (1.0 - sigmoid)),
        Function::HardSigmoid => (hard, inside),
        Function::Silu => (x * sigmoid, sigmoid * (1.0 + x * (1.0 - sigmoid))),
        Function::HardSilu => (x * hard, hard + x * inside),
        Function::Gelu => (x * probability, probability + x * density),
    }
}

#[test]
fn functions_and_their_slopes_are_as_near_as_is_said() {
    use Function::{Gelu, HardSigmoid, HardSilu, Sigmoid, Silu};
    let mut x: Vec<f32> = (-400_000..=400_000).map(|i| i as f32 * 5e-5).collect();
    x.extend([0.0, -0.0, 1e-30, -1e-30, 100.0, -100.0, 50.0, -50.0, 88.0, -88.0]);
    for isa in Isa::available() {
        for function in [Sigmoid, HardSigmoid, Silu, HardSilu, Gelu] {
            let mut y = x.clone();
            function.apply(isa, &mut y);
            let mut d = vec![2.0; x.len()];
            function.gradient(isa, &x, &mut d);
            let bounded = matches!(function, Sigmoid | HardSigmoid);
            let (mut most, mut most_slope) = (0.0_f64, 0.0_f64);
            for ((x, y), d) in x.iter().zip(&y).zip(&d) {
                let wide = f64::from(*x);
                let (expected, slope) = in_f64(function, wide);
                let unit = if bounded { 1.5 } else { wide.abs().max(1.0) };
                most = most.max((f64::from(*y) - expected).abs() / unit);
                // At a kink, either slope is correct.
                if (wide.abs() - 3.0).abs() > 1e-6 {
                    most_slope = most_slope.max((f64::from(*d) / 2.0 - slope).abs());
                }
                assert!(y.is_finite() && d.is_finite(), "{function:?} of {x}");
            }
            assert!(most < 2e-7, "{isa:?} {function:?}: {most:.1e}");
            assert!(most_slope < 2e-6, "{isa:?} {function:?}: slope {most_slope:.1e}");
        }
    }
}

#[test]
fn functions_follow_convolutions_of_any_size() {
    use headstart_kernels::Activation;
    use headstart_kernels::conv::{Conv, Windows};
    for isa in Isa::available() {
        for outputs in [1, 7, 8, 17, 40] {
            let (x, kernel, bias) = (values(1, 13 * 5), values(2, 5 * outputs), values(3, outputs));
            let windows = Windows::pixels(1, 13, 5);
            let run = |activation: Activation| {
                let mut out = vec![f32::NAN; 13 * outputs];
                Conv::new(isa, &kernel, &bias, activation).apply(&x, windows, None, &mut out);
                out
            };
            let mut expected = run(Activation::NONE);
            Function::Gelu.apply(isa, &mut expected);
            assert_eq!(run(Activation::Function(Function::Gelu)), expected, "{isa:?} {outputs}");
        }
    }
}

#[test]
fn the_largest_under_windows_never_lies_outside_the_map() {
    for isa in Isa::available() {
        for channels in [1, 8, 19] {
            let (height, width) = (5, 6);
            let x: Vec<f32> =
                values(1, height * width * channels).iter().map(|x| x - 2.0).collect();
            for (side, stride, before, out) in
                [(3, 2, (1, 1), (3, 3)), (3, 2, (0, 0), (2, 3)), (2, 1, (0, 1), (4, 6))]
            {
                let (rows, columns) = out;
                let mut actual = vec![f32::NAN; rows * columns * channels];
                pool::MaxPool {
                    x: &x,
                    size: (height, width),
                    channels,
                    window: (side, stride),
                    before,
                    first: 0,
                    out: &mut actual,
                    columns,
                }
                .run(isa);
                for (at, value) in actual.iter().enumerate() {
                    let (pixel, c) = (at / channels, at % channels);
                    let (row, column) = (pixel / columns * stride, pixel % columns * stride);
                    let mut most = f32::NEG_INFINITY;
                    for (y, x_at) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                        let (y_in, x_in) = (y + before.0, x_at + before.1);
                        if (row..row + side).contains(&y_in)
                            && (column..column + side).contains(&x_in)
                        {
                            most = most.max(x[(y * width + x_at) * channels + c]);
                        }
                    }
                    assert_eq!(*value, most, "{isa:?} {channels} {side} at {at}");
                }
            }
        }
    }
}

#[test]
fn a_gradient_goes_to_the_first_of_the_largest_values_under_its_window() {
    let (height, width, pixel) = (5, 6, 23);
    for isa in Isa::available() {
        for channels in [1, 8, 19] {
            // Few different values, so that many are equal.
            let x: Vec<f32> =
                values(1, height * width * channels).iter().map(|x| (x * 2.0).round()).collect();
            for (side, stride, before, (rows, columns)) in
                [(3, 2, (1, 1), (3, 3)), (3, 2, (0, 0), (2, 3)), (2, 1, (0, 1), (4, 6))]
            {
                let d_y = values(2, rows * columns * channels);
                let strides = (width * pixel + 3, pixel);
                let mut actual = vec![1.0; height * strides.0];
                let mut expected = actual.clone();
                pool::MaxPoolGradient {
                    x: &x,
                    size: (height, width),
                    channels,
                    window: (side, stride),
                    before,
                    d_y: &d_y,
                    columns,
                    d_x: &mut actual,
                    strides,
                }
                .run(isa);
                for (at, d) in d_y.iter().enumerate() {
                    let (position, c) = (at / channels, at % channels);
                    let (row, column) = (position / columns * stride, position % columns * stride);
                    let places = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
                    let mut most: Option<(usize, usize)> = None;
                    let value = |(y, x_at): (usize, usize)| x[(y * width + x_at) * channels + c];
                    for (y, x_at) in places {
                        let is_under = (row..row + side).contains(&(y + before.0))
                            && (column..column + side).contains(&(x_at + before.1));
                        if is_under && most.is_none_or(|most| value((y, x_at)) > value(most)) {
                            most = Some((y, x_at));
                        }
                    }
                    let (y, x_at) = most.unwrap();
                    expected[y * strides.0 + x_at * strides.1 + c] += d;
                }
                assert_eq!(actual, expected, "{isa:?} {channels} {side}");
            }
        }
    }
}

#[test]
fn layer_norm_and_its_gradients_agree_with_f64() {
    let epsilon = 1e-6;
    for isa in Isa::available() {
        for channels in [1, 6, 8, 96, 100] {
            let positions = 5;
            let x: Vec<f32> = values(1, positions * channels).iter().map(|x| x + 30.0).collect();
            let (scale, bias, d) =
                (values(2, channels), values(3, channels), values(4, positions * channels));
            let mut out = vec![f32::NAN; x.len()];
            layer_norm(isa, &x, (&scale, &bias), epsilon, &mut out);
            let (mut d_scale, mut d_bias) = (vec![0.0; channels], vec![0.0; channels]);
            let mut d_x = vec![f32::NAN; x.len()];
            let d_weights = Some((&mut d_scale[..], &mut d_bias[..]));
            let gradient = LayerNormGradient {
                x: &x,
                d_out: &d,
                scale: &scale,
                epsilon,
                d_weights,
                d_x: Some(&mut d_x),
            };
            gradient.run(isa);
            let n = channels as f64;
            for (p, x) in x.chunks_exact(channels).enumerate() {
                let x: Vec<f64> = x.iter().map(|&x| x.into()).collect();
                let mean = x.iter().sum::<f64>() / n;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                let sigma = (variance + f64::from(epsilon)).sqrt();
                let hat: Vec<f64> = x.iter().map(|x| (x - mean) / sigma).collect();
                let d_hat: Vec<f64> = (0..channels)
                    .map(|c| f64::from(d[p * channels + c]) * f64::from(scale[c]))
                    .collect();
                let first = d_hat.iter().sum::<f64>() / n;
                let second = d_hat.iter().zip(&hat).map(|(d, h)| d * h).sum::<f64>() / n;
                for c in 0..channels {
                    let expected = hat[c] * f64::from(scale[c]) + f64::from(bias[c]);
                    let actual = f64::from(out[p * channels + c]);
                    assert!((actual - expected).abs() < 2e-5, "{isa:?} {channels}: {actual}");
                    // A single channel has no variance, so its gradient consists of rounding errors.
                    let expected = (d_hat[c] - first - hat[c] * second) / sigma;
                    let actual = f64::from(d_x[p * channels + c]);
                    assert!(
                        (actual - expected).abs() < 1e-4,
                        "{isa:?} {channels}: {actual} {expected}"
                    );
                }
            }
        }
    }
}
