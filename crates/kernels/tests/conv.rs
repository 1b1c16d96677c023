//! The convolution against a naive oracle, on every instruction set of this processor.

mod common;

use common::{assert_close, values};
use headstart_kernels::conv::{Conv, Windows};
use headstart_kernels::{Clamp, Isa};

const RELU: Clamp = Clamp { min: 0.0, max: 0.75 };

fn oracle(x: &[f32], kernel: &[f32], bias: &[f32], residual: Option<&[f32]>, c: Clamp) -> Vec<f64> {
    let outputs = bias.len();
    let inputs = kernel.len() / outputs;
    let mut out = Vec::new();
    for (p, x) in x.chunks(inputs).enumerate() {
        for n in 0..outputs {
            let products =
                (0..inputs).map(|k| f64::from(x[k]) * f64::from(kernel[k * outputs + n]));
            let residual = residual.map_or(0.0, |r| f64::from(r[p * outputs + n]));
            let sum = products.sum::<f64>() + f64::from(bias[n]) + residual;
            out.push(sum.clamp(f64::from(c.min), f64::from(c.max)));
        }
    }
    out
}

#[test]
fn agrees_with_the_oracle_below_at_and_above_each_tile() {
    for isa in Isa::available() {
        for outputs in [1, 7, 8, 16, 17, 24, 32, 48, 63, 64, 65, 96, 144] {
            for inputs in [1, 3, 16, 27] {
                for pixels in [1, 3, 4, 5, 6, 8, 11, 12, 13, 25] {
                    let x = values(1, pixels * inputs);
                    let kernel = values(2, inputs * outputs);
                    let bias = values(3, outputs);
                    let added = values(4, pixels * outputs);
                    for (residual, clamp) in [(None, RELU), (Some(&added[..]), Clamp::NONE)] {
                        let op = Conv::new(isa, &kernel, &bias, clamp);
                        let mut out = vec![f32::NAN; pixels * outputs];
                        let windows = Windows::pixels(1, pixels, inputs);
                        op.run(&x, windows, residual, &mut out, 0);
                        let expected = oracle(&x, &kernel, &bias, residual, clamp);
                        let case = format!("{isa:?} {pixels}x{inputs}x{outputs} {clamp:?}");
                        assert_close(&out, &expected, inputs, &case);
                    }
                }
            }
        }
    }
}

#[test]
fn leaves_what_lies_between_rows_untouched() {
    for isa in Isa::available() {
        let (inputs, outputs, width, height, gap) = (5, 24, 7, 3, 48);
        let x = values(1, height * width * inputs);
        let (kernel, bias) = (values(2, inputs * outputs), values(3, outputs));
        let stride = width * outputs + gap;
        let mut out = vec![-7.0; height * stride];
        let windows = Windows::pixels(height, width, inputs);
        Conv::new(isa, &kernel, &bias, Clamp::NONE).run(&x, windows, None, &mut out, stride);
        let expected = oracle(&x, &kernel, &bias, None, Clamp::NONE);
        for (row, expected) in out.chunks(stride).zip(expected.chunks(width * outputs)) {
            assert_close(&row[..width * outputs], expected, inputs, isa.name());
            assert!(row[width * outputs..].iter().all(|&x| x == -7.0), "{isa:?} wrote past a row");
        }
    }
}

#[test]
fn sliding_windows_agree_with_the_oracle() {
    for isa in Isa::available() {
        for (kernel, stride, channels) in [(3, 2, 3), (3, 1, 8), (5, 2, 4), (2, 3, 1), (1, 2, 16)] {
            for (height, width) in [(1, 1), (2, 13), (3, 6)] {
                let outputs = 40;
                let padded = (width - 1) * stride + kernel + 1;
                let rows = (height - 1) * stride + kernel;
                let x = values(1, rows * padded * channels);
                let inputs = kernel * kernel * channels;
                let (weights, bias) = (values(2, inputs * outputs), values(3, outputs));
                let mut patches = Vec::new();
                for (y, x0) in (0..height).flat_map(|y| (0..width).map(move |x0| (y, x0))) {
                    for i in 0..kernel {
                        let at = ((y * stride + i) * padded + x0 * stride) * channels;
                        patches.extend(&x[at..][..kernel * channels]);
                    }
                }
                let expected = oracle(&patches, &weights, &bias, None, RELU);
                let windows = Windows::sliding((height, width), (kernel, stride), padded, channels);
                let mut out = vec![f32::NAN; height * width * outputs];
                let op = Conv::new(isa, &weights, &bias, RELU);
                op.run(&x, windows, None, &mut out, width * outputs);
                let case = format!("{isa:?} k{kernel} s{stride} c{channels} {height}x{width}");
                assert_close(&out, &expected, inputs, &case);
            }
        }
    }
}

#[test]
fn strides_that_overflow_are_refused() {
    let op = Conv::new(Isa::best(), &[1.0; 9 * 16], &[0.0; 16], Clamp::NONE);
    let sane = Windows::sliding((2, 2), (3, 1), 4, 1);
    for windows in [
        Windows { row_stride: usize::MAX, ..sane },
        Windows { pixel_stride: usize::MAX, ..sane },
        Windows { segment_stride: usize::MAX / 2 + 1, ..sane },
        Windows { height: 3, row_stride: usize::MAX / 2 + 1, ..sane },
        Windows { width: usize::MAX, ..sane },
    ] {
        let run = || op.run(&[1.0; 4096], windows, None, &mut [0.0; 4096], 64);
        assert!(std::panic::catch_unwind(run).is_err(), "{windows:?}");
    }
}
