//! Pooling, window extraction and elementwise operations against naive oracles.

mod common;

use common::{assert_close, values};
use headstart_kernels::im2col::{self, Map, Window};
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
fn a_window_has_zeros_where_it_hangs_over_the_map() {
    let (height, width, channels) = (5, 4, 3);
    let x = values(1, height * width * channels);
    let map = Map { values: &x, height, width, channels };
    for kernel in [1, 3, 5] {
        for stride in [1, 2] {
            for (top, left) in [(0, 0), (1, 1), (2, 0), (0, 2)] {
                for y in 0..3 {
                    let columns = 4;
                    let mut out = vec![f32::NAN; columns * kernel * kernel * channels];
                    let window = Window { kernel, stride, top, left };
                    im2col::row(map, window, y, &mut out);
                    for (at, &actual) in out.iter().enumerate() {
                        let (c, j, i, column) = (
                            at % channels,
                            at / channels % kernel,
                            at / channels / kernel % kernel,
                            at / channels / kernel / kernel,
                        );
                        let row = (y * stride + i).checked_sub(top).filter(|&r| r < height);
                        let col = (column * stride + j).checked_sub(left).filter(|&c| c < width);
                        let expected = match (row, col) {
                            (Some(row), Some(col)) => x[(row * width + col) * channels + c],
                            _ => 0.0,
                        };
                        assert_eq!(actual, expected, "{window:?} y {y} at {at}");
                    }
                }
            }
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
