//! Compares the gradient kernels with naive oracles, on every instruction set of this processor.

mod common;

use common::{assert_close, values};
use headstart_kernels::conv::{self, Windows};
use headstart_kernels::depthwise::{self, Depthwise, Gate, InputGradient, Strided, StridedMut};
use headstart_kernels::elementwise::clamp_gradient;
use headstart_kernels::{Clamp, Isa};

/// Content of the gradients before a run that adds to them.
const BEFORE: f32 = 0.5;

#[test]
fn the_kernels_gradient_agrees_with_the_oracle_below_at_and_above_each_tile() {
    for isa in Isa::available() {
        for outputs in [1, 7, 8, 16, 17, 24, 32, 48, 63, 64, 65, 80, 144] {
            for inputs in [1, 5, 6, 7, 13, 14, 15, 27] {
                for pixels in [1, 2, 127, 128, 129] {
                    let (x, d_out) = (values(1, pixels * inputs), values(2, pixels * outputs));
                    let mut d_kernel = vec![BEFORE; inputs * outputs];
                    let mut d_bias = vec![BEFORE; outputs];
                    let windows = Windows::pixels(1, pixels, inputs);
                    let (to_kernel, to_bias) = (&mut d_kernel, &mut d_bias);
                    conv::KernelGradient {
                        x: &x,
                        windows,
                        d_out: &d_out,
                        d_kernel: to_kernel,
                        d_bias: to_bias,
                        add: true,
                    }
                    .run(isa);
                    let case = format!("{isa:?} {pixels}x{inputs}x{outputs}");
                    let (kernel, bias) = of_patches(&x, inputs, &d_out, outputs);
                    assert_close(&d_kernel, &kernel, pixels, &case);
                    assert_close(&d_bias, &bias, pixels, &case);
                }
            }
        }
    }
}

/// Gradients of kernel and bias, from windows copied to patches.
fn of_patches(x: &[f32], inputs: usize, d_out: &[f32], outputs: usize) -> (Vec<f64>, Vec<f64>) {
    let mut d_kernel = vec![f64::from(BEFORE); inputs * outputs];
    let mut d_bias = vec![f64::from(BEFORE); outputs];
    for (x, d) in x.chunks(inputs).zip(d_out.chunks(outputs)) {
        for n in 0..outputs {
            d_bias[n] += f64::from(d[n]);
            for k in 0..inputs {
                d_kernel[k * outputs + n] += f64::from(x[k]) * f64::from(d[n]);
            }
        }
    }
    (d_kernel, d_bias)
}

#[test]
fn the_gradient_over_sliding_windows_agrees_with_the_oracle() {
    for isa in Isa::available() {
        for (kernel, stride, channels) in [(3, 2, 3), (3, 1, 8), (5, 2, 4), (1, 2, 16)] {
            for (height, width) in [(1, 1), (2, 13), (3, 6)] {
                let outputs = 40;
                let padded = (width - 1) * stride + kernel + 1;
                let x = values(1, ((height - 1) * stride + kernel) * padded * channels);
                let d_out = values(2, height * width * outputs);
                let mut patches = Vec::new();
                for (y, x0) in (0..height).flat_map(|y| (0..width).map(move |x0| (y, x0))) {
                    for i in 0..kernel {
                        let at = ((y * stride + i) * padded + x0 * stride) * channels;
                        patches.extend(&x[at..][..kernel * channels]);
                    }
                }
                let inputs = kernel * kernel * channels;
                let (expected, bias) = of_patches(&patches, inputs, &d_out, outputs);
                let mut d_kernel = vec![BEFORE; inputs * outputs];
                let mut d_bias = vec![BEFORE; outputs];
                conv::KernelGradient {
                    x: &x,
                    windows: Windows::sliding((height, width), (kernel, stride), padded, channels),
                    d_out: &d_out,
                    d_kernel: &mut d_kernel,
                    d_bias: &mut d_bias,
                    add: true,
                }
                .run(isa);
                let case = format!("{isa:?} k{kernel} s{stride} c{channels} {height}x{width}");
                assert_close(&d_kernel, &expected, height * width, &case);
                assert_close(&d_bias, &bias, height * width, &case);
            }
        }
    }
}

#[test]
fn cutting_the_pixels_into_several_runs_changes_no_bit() {
    let (inputs, outputs, pixels) = (20, 72, 300);
    let (x, d_out) = (values(1, pixels * inputs), values(2, pixels * outputs));
    for isa in Isa::available() {
        let run = |cuts: &[usize]| {
            let (mut d_kernel, mut d_bias) = (vec![0.0; inputs * outputs], vec![0.0; outputs]);
            for cut in cuts.windows(2) {
                conv::KernelGradient {
                    x: &x[cut[0] * inputs..cut[1] * inputs],
                    windows: Windows::pixels(1, cut[1] - cut[0], inputs),
                    d_out: &d_out[cut[0] * outputs..cut[1] * outputs],
                    d_kernel: &mut d_kernel,
                    d_bias: &mut d_bias,
                    add: true,
                }
                .run(isa);
            }
            (d_kernel, d_bias)
        };
        assert_eq!(run(&[0, 300]), run(&[0, 1, 130, 299, 300]), "{isa:?}");
    }
}

#[test]
fn the_depthwise_kernels_gradient_agrees_with_the_oracle_at_any_stride_and_layout() {
    for isa in Isa::available() {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (5, 2), (2, 1), (1, 1), (7, 3)] {
            for channels in [1, 8, 15, 16, 17, 40] {
                for (height, width) in [(1, 1), (2, 5), (9, 3)] {
                    let (rows, columns) =
                        ((height - 1) * stride + kernel, (width - 1) * stride + kernel);
                    let (x_pixel, d_pixel) = (channels + 3, 2 * channels);
                    let x = values(1, rows * columns * x_pixel);
                    let d_out = values(2, height * 2 * width * d_pixel);
                    let d_row = 2 * width * d_pixel;
                    let mut expected = vec![f64::from(BEFORE); kernel * kernel * channels];
                    let mut bias = vec![f64::from(BEFORE); channels];
                    for (y, x0, c) in (0..height).flat_map(|y| {
                        (0..width).flat_map(move |x| (0..channels).map(move |c| (y, x, c)))
                    }) {
                        let d = f64::from(d_out[y * d_row + x0 * d_pixel + c]);
                        bias[c] += d;
                        for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
                            let at = (y * stride + i) * columns + x0 * stride + j;
                            let x = f64::from(x[at * x_pixel + c]);
                            expected[(i * kernel + j) * channels + c] += x * d;
                        }
                    }
                    let mut d_kernel = vec![BEFORE; kernel * kernel * channels];
                    let mut d_bias = vec![BEFORE; channels];
                    let map = |values, row_stride, pixel_stride| Strided {
                        values,
                        row_stride,
                        pixel_stride,
                    };
                    depthwise::KernelGradient {
                        kernel,
                        stride,
                        x: map(&x, columns * x_pixel, x_pixel),
                        d_out: map(&d_out, d_row, d_pixel),
                        size: (height, width),
                        d_kernel: &mut d_kernel,
                        d_bias: &mut d_bias,
                        add: true,
                    }
                    .run(isa);
                    let case = format!("{isa:?} k{kernel} s{stride} c{channels} {height}x{width}");
                    assert_close(&d_kernel, &expected, height * width, &case);
                    assert_close(&d_bias, &bias, height * width, &case);
                }
            }
        }
    }
}

#[test]
fn the_depthwise_inputs_gradient_agrees_with_the_oracle_at_any_stride_padding_and_layout() {
    let clamp = Clamp { min: -0.5, max: 0.5 };
    for isa in Isa::available() {
        for kernel in 1..=7 {
            for (stride, channels) in [(1, 8_usize), (1, 40), (2, 16), (2, 17), (3, 15), (4, 1)] {
                for (height, width, before) in [(1, 1, 0), (5, 8, kernel / 2), (7, 4, kernel - 1)] {
                    let pixel = channels.next_multiple_of(isa.lanes());
                    let weights = values(1, kernel * kernel * channels);
                    let bias = vec![1.0; channels];
                    let op = Depthwise::new(isa, &weights, &bias, kernel, stride, clamp);
                    // As many outputs as windows that start at or before the last pixel.
                    let outputs = |size: usize| (before + size - 1) / stride + 1;
                    let (rows, columns) = (before..before + height, before..before + width);
                    let window = (kernel, stride);
                    let zeros = |inputs: &std::ops::Range<usize>, size| {
                        depthwise::zeros_around(window, inputs.clone(), outputs(size))
                    };
                    let (vertical, horizontal) = (zeros(&rows, height), zeros(&columns, width));
                    let row = (horizontal.0 + outputs(width) + horizontal.1) * pixel;
                    let mut d_out = vec![0.0; (vertical.0 + outputs(height) + vertical.1) * row];
                    let at =
                        |y: usize, x: usize| (vertical.0 + y) * row + (horizontal.0 + x) * pixel;
                    for y in 0..outputs(height) {
                        for x in 0..outputs(width) {
                            let seed = (y * 100 + x) as u64;
                            d_out[at(y, x)..][..channels].copy_from_slice(&values(seed, channels));
                        }
                    }
                    let y = values(2, height * width * pixel);
                    for gated in [false, true] {
                        let mut expected = vec![7.0; height * width * (channels + 1)];
                        for (i, expected) in expected.iter_mut().enumerate() {
                            let (place, c) = (i / (channels + 1), i % (channels + 1));
                            if c == channels {
                                continue; // between the pixels
                            }
                            *expected = 0.0;
                            let clamped = y[place * pixel + c];
                            if gated && !(clamp.min < clamped && clamped < clamp.max) {
                                continue;
                            }
                            let (py, px) = (before + place / width, before + place % width);
                            for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j)))
                            {
                                let (Some(ty), Some(tx)) = (py.checked_sub(i), px.checked_sub(j))
                                else {
                                    continue;
                                };
                                if ty % stride == 0 && tx % stride == 0 {
                                    let d = d_out[at(ty / stride, tx / stride) + c];
                                    let weight = weights[(i * kernel + j) * channels + c];
                                    *expected += f64::from(d) * f64::from(weight);
                                }
                            }
                        }
                        let mut d_x = vec![7.0; height * width * (channels + 1)];
                        // In two runs: the rows are independent.
                        for own in [0..height / 2, height / 2..height] {
                            let y = Strided {
                                values: &y[own.start * width * pixel..],
                                row_stride: width * pixel,
                                pixel_stride: pixel,
                            };
                            op.input_gradient(InputGradient {
                                d_out: Strided {
                                    values: &d_out,
                                    row_stride: row,
                                    pixel_stride: pixel,
                                },
                                zeros: (vertical.0, horizontal.0),
                                rows: before + own.start..before + own.end,
                                columns: columns.clone(),
                                gate: gated.then_some(Gate { y, clamp }),
                                d_x: StridedMut {
                                    values: &mut d_x[own.start * width * (channels + 1)..],
                                    row_stride: width * (channels + 1),
                                    pixel_stride: channels + 1,
                                },
                            });
                        }
                        let case =
                            format!("{isa:?} k{kernel} s{stride} c{channels} {height}x{width}");
                        assert_close(&d_x, &expected, kernel * kernel, &case);
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_not_added_to_is_overwritten() {
    let (x, d_out) = (values(1, 150 * 9), values(2, 150 * 20));
    for isa in Isa::available() {
        let of_conv = |before, add| {
            let (mut d_kernel, mut d_bias) = (vec![before; 9 * 20], vec![before; 20]);
            let (kernel, bias) = (&mut d_kernel, &mut d_bias);
            let windows = Windows::pixels(1, 150, 9);
            conv::KernelGradient {
                x: &x,
                windows,
                d_out: &d_out,
                d_kernel: kernel,
                d_bias: bias,
                add,
            }
            .run(isa);
            (d_kernel, d_bias)
        };
        assert_eq!(of_conv(f32::NAN, false), of_conv(0.0, true), "{isa:?}");
        let of_depthwise = |before, add| {
            let (mut d_kernel, mut d_bias) = (vec![before; 9 * 20], vec![before; 20]);
            let map = |values, row_stride| Strided { values, row_stride, pixel_stride: 20 };
            depthwise::KernelGradient {
                kernel: 3,
                stride: 1,
                x: map(&d_out, 8 * 20),
                d_out: map(&d_out, 6 * 20),
                size: (6, 6),
                d_kernel: &mut d_kernel,
                d_bias: &mut d_bias,
                add,
            }
            .run(isa);
            (d_kernel, d_bias)
        };
        assert_eq!(of_depthwise(f32::NAN, false), of_depthwise(0.0, true), "{isa:?}");
    }
}

#[test]
fn a_clamp_passes_gradients_strictly_between_its_limits_only() {
    for isa in Isa::available() {
        let y: Vec<f32> = [-1.0, 0.0, 1e-9, 3.0, 6.0, 7.0].repeat(5);
        let mut d = vec![2.0; y.len()];
        clamp_gradient(isa, &y, Clamp { min: 0.0, max: 6.0 }, &mut d);
        assert_eq!(d, [0.0, 0.0, 2.0, 2.0, 0.0, 0.0].repeat(5), "{isa:?}");
    }
}
