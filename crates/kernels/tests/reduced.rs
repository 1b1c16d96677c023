//! Compares the convolution in reduced precision with a naive oracle over rounded values, on every instruction set of
//! this processor.

mod common;

use std::ops::Range;

use common::{assert_close, panic_message, values};
use half::bf16;
use headstart_kernels::Clamp;
use headstart_kernels::conv::Target;
use headstart_kernels::reduced::{Conv, Convert, Grid, Pixels, Precision, Reduced, Run};

const RELU: Clamp = Clamp { min: 0.0, max: 0.75 };

fn available() -> Vec<Reduced> {
    Precision::ALL.into_iter().flat_map(Reduced::available).collect()
}

/// Scratch to convert `pixels` pixels, with bits that must not be used.
fn scratch(op: &Conv, chunk: usize, pixels: usize) -> Vec<f32> {
    vec![f32::NAN; op.scratch(chunk, pixels)]
}

/// The grid of a pixel, and its integers.
fn quantised(x: &[f32]) -> (Grid, Vec<u8>) {
    let min = x.iter().fold(0.0_f32, |min, x| min.min(*x));
    let max = x.iter().fold(0.0_f32, |max, x| max.max(*x));
    let scale = (max * (1.0 / 255.0) - min * (1.0 / 255.0)).max(Grid::MIN_SCALE);
    let zero = (-min * (1.0 / scale)).round_ties_even();
    let integer = |x: &f32| x.mul_add(1.0 / scale, zero).round_ties_even().clamp(0.0, 255.0) as u8;
    (Grid { scale, zero }, x.iter().map(integer).collect())
}

/// The inputs of a pixel as they are multiplied.
fn rounded_pixel(precision: Precision, x: &[f32]) -> Vec<f64> {
    match precision {
        Precision::Bf16 => x.iter().map(|x| bf16::from_f32(*x).to_f64()).collect(),
        Precision::Int8 => {
            let (Grid { scale, zero }, integers) = quantised(x);
            let value = |q: &u8| f64::from(scale) * (f64::from(*q) - f64::from(zero));
            integers.iter().map(value).collect()
        }
    }
}

/// A kernel as it is multiplied.
fn rounded_kernel(precision: Precision, kernel: &[f32], outputs: usize) -> Vec<f64> {
    let scale = |n: usize| {
        let own = kernel.iter().skip(n).step_by(outputs);
        own.fold(0.0_f32, |scale, weight| scale.max(weight.abs() / 127.0))
    };
    let scales: Vec<f32> = (0..outputs).map(scale).collect();
    let value = |(at, weight): (usize, &f32)| match precision {
        Precision::Bf16 => bf16::from_f32(*weight).to_f64(),
        Precision::Int8 => {
            let scale = scales[at % outputs];
            if scale == 0.0 { 0.0 } else { f64::from(scale) * f64::from((weight / scale).round()) }
        }
    };
    kernel.iter().enumerate().map(value).collect()
}

/// The products of pixels `x` and a kernel, without bias.
fn products(precision: Precision, x: &[f32], kernel: &[f32], outputs: usize) -> Vec<f64> {
    let inputs = kernel.len() / outputs;
    let kernel = rounded_kernel(precision, kernel, outputs);
    let of_pixel = |x: &[f32]| {
        let x = rounded_pixel(precision, x);
        let sum = |n| (0..inputs).map(|k| x[k] * kernel[k * outputs + n]).sum::<f64>();
        (0..outputs).map(sum).collect::<Vec<f64>>()
    };
    x.chunks(inputs).flat_map(of_pixel).collect()
}

/// All panels of the first chunk for a row of pixels, without residual.
fn row(op: &Conv, x: Pixels<'_>, width: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; width * op.outputs()];
    let target = Target::dense(&mut out, width, op.outputs());
    let panels = 0..op.panels();
    op.run(Run { panels, chunk: 0, x, height: 1, width, residual: None, target, ahead: &[] });
    out
}

#[test]
fn agrees_with_the_oracle_below_at_and_above_each_block_and_tile() {
    for isa in available() {
        for outputs in [1, 8, 16, 17, 24, 31, 32, 33, 64, 100] {
            for inputs in [1, 2, 3, 4, 5, 16, 31, 32, 33, 63, 64, 65, 96, 130] {
                for (height, width) in
                    [(1, 1), (3, 5), (1, 16), (1, 17), (4, 7), (1, 29), (4, 8), (3, 11), (13, 5)]
                {
                    let pixels = height * width;
                    let x = values(1, pixels * inputs);
                    let (kernel, bias) = (values(2, inputs * outputs), values(3, outputs));
                    let residual = values(4, pixels * outputs);
                    let op = Conv::new(isa, &kernel, &bias, RELU, &[inputs]);
                    let mut scratch = scratch(&op, 0, pixels);
                    let convert = Convert { x: &x, stride: inputs, scratch: &mut scratch };
                    let mut out = vec![f32::NAN; pixels * outputs];
                    op.run(Run {
                        panels: 0..op.panels(),
                        chunk: 0,
                        x: op.convert(0, convert),
                        height,
                        width,
                        residual: Some(&residual),
                        target: Target::dense(&mut out, width, outputs),
                        ahead: &[],
                    });
                    let mut expected = products(isa.precision(), &x, &kernel, outputs);
                    for (at, sum) in expected.iter_mut().enumerate() {
                        *sum += f64::from(bias[at % outputs]) + f64::from(residual[at]);
                        *sum = sum.clamp(0.0, 0.75);
                    }
                    let case = format!("{isa:?} {height}x{width} {inputs} to {outputs}");
                    assert_close(&out, &expected, inputs, &case);
                }
            }
        }
    }
}

#[test]
fn sums_of_integers_are_exact() {
    // Pixels and weights are on their grids, and results are integers that f32 contains.
    for isa in Reduced::available(Precision::Int8) {
        for (inputs, outputs) in [(1, 1), (64, 32), (515, 33)] {
            for pixels in [1, 6, 7, 14, 15, 28, 29, 32, 33] {
                let integer = |at: usize, range: usize| (at * 7919 % range) as f32;
                let mut x: Vec<f32> = (0..pixels * inputs).map(|at| integer(at, 256)).collect();
                let mut kernel: Vec<f32> =
                    (0..inputs * outputs).map(|at| integer(at, 255) - 127.0).collect();
                for pixel in x.chunks_mut(inputs) {
                    pixel[0] = 255.0;
                }
                kernel[..outputs].fill(127.0);
                let op = Conv::new(isa, &kernel, &vec![0.0; outputs], Clamp::NONE, &[inputs]);
                let mut scratch = scratch(&op, 0, pixels);
                let convert = Convert { x: &x, stride: inputs, scratch: &mut scratch };
                let out = row(&op, op.convert(0, convert), pixels);
                for (p, x) in x.chunks(inputs).enumerate() {
                    for n in 0..outputs {
                        let product = |k: usize| x[k] as i64 * kernel[k * outputs + n] as i64;
                        let expected: i64 = (0..inputs).map(product).sum();
                        let actual = out[p * outputs + n];
                        assert_eq!(actual, expected as f32, "{isa:?} {inputs} to {outputs}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_sums_do_not_overflow() {
    let inputs = headstart_kernels::reduced::MAX_INPUTS;
    for isa in Reduced::available(Precision::Int8) {
        for sign in [1.0, -1.0] {
            let kernel = vec![sign; inputs];
            let op = Conv::new(isa, &kernel, &[0.0], Clamp::NONE, &[inputs]);
            let x = vec![1.0; inputs];
            let mut scratch = scratch(&op, 0, 1);
            let convert = Convert { x: &x, stride: inputs, scratch: &mut scratch };
            let out = row(&op, op.convert(0, convert), 1)[0];
            assert!((out - sign * inputs as f32).abs() < 0.05, "{isa:?} {out}");
        }
    }
}

#[test]
fn chunks_add_up_and_what_lies_between_pixels_and_rows_is_left_untouched() {
    for isa in available() {
        let (height, width, outputs, ends) = (3, 7, 40, [48, 60]);
        let (kernel, bias) = (values(2, 60 * outputs), values(3, outputs));
        let x = values(1, height * width * 60);
        let op = Conv::new(isa, &kernel, &bias, Clamp::NONE, &ends);
        let (pixel_stride, row_stride) = (50, width * 50 + 9);
        let mut out = vec![-7.0; height * row_stride];
        // Weights have the same scales in all chunks.
        let rounded = rounded_kernel(isa.precision(), &kernel, outputs);
        let mut expected = vec![0.0; height * width * outputs];
        let mut start = 0;
        for (chunk, &end) in ends.iter().enumerate() {
            let part = |x: &[f32], range: Range<usize>| x[range].to_vec();
            for (p, x) in x.chunks(60).enumerate() {
                let own = rounded_pixel(isa.precision(), &part(x, start..end));
                for (k, x) in own.iter().enumerate() {
                    for n in 0..outputs {
                        expected[p * outputs + n] += x * rounded[(start + k) * outputs + n];
                    }
                }
            }
            // Pixels that are longer than the chunk.
            let mut scratch = scratch(&op, chunk, height * width);
            let own: Vec<f32> = x
                .chunks(60)
                .flat_map(|x| part(x, start..end).into_iter().chain([1e9; 3]))
                .collect();
            let stride = end - start + 3;
            let convert = Convert { x: &own, stride, scratch: &mut scratch };
            op.run(Run {
                panels: 0..op.panels(),
                chunk,
                x: op.convert(chunk, convert),
                height,
                width,
                residual: None,
                target: Target { values: &mut out, row_stride, pixel_stride, room: pixel_stride },
                ahead: op.weights(chunk, 0..op.panels()),
            });
            start = end;
        }
        for (at, value) in out.iter().enumerate() {
            let (y, x0, n) =
                (at / row_stride, at % row_stride / pixel_stride, at % row_stride % pixel_stride);
            if x0 >= width || n >= 48 {
                assert_eq!(*value, -7.0, "{isa:?} at {at}");
            } else if n < outputs {
                let expected = expected[(y * width + x0) * outputs + n] + f64::from(bias[n]);
                assert!((f64::from(*value) - expected).abs() < 1e-5, "{isa:?} at {at}");
            }
        }
    }
}

#[test]
fn panels_are_written_one_by_one_to_their_places_in_a_map() {
    for isa in available() {
        for outputs in [40, 64, 72] {
            let (inputs, pixels) = (32, 49);
            let (kernel, bias) = (vec![0.0; inputs * outputs], values(3, outputs));
            let op = Conv::new(isa, &kernel, &bias, Clamp::NONE, &[inputs]);
            let (zeros, mut scratch) = (vec![0.0; pixels * inputs], scratch(&op, 0, pixels));
            let convert = Convert { x: &zeros, stride: inputs, scratch: &mut scratch };
            let x = op.convert(0, convert);
            let mut out = vec![f32::NAN; pixels * outputs];
            for panel in 0..op.panels() {
                let first = op.panel(panel).start;
                let (row_stride, room) = (pixels * outputs, outputs - first);
                let values = &mut out[first..];
                op.run(Run {
                    panels: panel..panel + 1,
                    chunk: 0,
                    x,
                    height: 1,
                    width: pixels,
                    residual: None,
                    target: Target { values, row_stride, pixel_stride: outputs, room },
                    ahead: &[],
                });
            }
            assert!(out.chunks(outputs).all(|pixel| pixel == bias), "{isa:?} {outputs}");
        }
    }
}

#[test]
fn rows_that_overlap_are_refused() {
    for isa in available() {
        let op = Conv::new(isa, &[0.0; 32 * 32], &[0.0; 32], Clamp::NONE, &[32]);
        let mut scratch = scratch(&op, 0, 40);
        let convert = Convert { x: &[0.0; 40 * 32], stride: 32, scratch: &mut scratch };
        let x = op.convert(0, convert);
        let run = || {
            let mut out = vec![0.0; 1140];
            let target = Target { values: &mut out, row_stride: 0, pixel_stride: 100, room: 32 };
            let (panels, residual, ahead) = (0..1, None, &[][..]);
            op.run(Run { panels, chunk: 0, x, height: 2, width: 20, residual, target, ahead });
        };
        assert_eq!(panic_message(run), "rows overlap", "{isa:?}");
    }
}

#[test]
fn rounding_to_bf16_is_to_nearest_even_and_keeps_what_is_not_a_number() {
    let mut x = values(1, 64);
    x.extend([0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX]);
    x.extend([f32::from_bits(0x3f80_8000), f32::from_bits(0x3f81_8000)]);
    x.push(f32::from_bits(0x7fff_ffff));
    for isa in Reduced::available(Precision::Bf16) {
        let op = Conv::new(isa, &[1.0], &[0.0], Clamp::NONE, &[1]);
        let mut scratch = scratch(&op, 0, x.len());
        let convert = Convert { x: &x, stride: 1, scratch: &mut scratch };
        for (x, out) in x.iter().zip(op.convert(0, convert).bytes()) {
            let expected = bf16::from_f32(*x);
            let actual = bf16::from_le_bytes([out[0], out[1]]);
            if expected.is_nan() {
                assert!(actual.is_nan(), "{isa:?} {x}");
            } else {
                assert_eq!(actual.to_bits(), expected.to_bits(), "{isa:?} {x}");
            }
            assert!(out[2..].iter().all(|&byte| byte == 0));
        }
    }
}

#[test]
fn every_pixel_has_its_own_grid_that_contains_zero() {
    let ranges = [
        (-1.0, 1.0),
        (0.0, 6.0),
        (-3.0, 0.0),
        (2.0, 2.5),
        (-9.0, -8.0),
        (-0.01, 5.0),
        (1e30, 3e38),
        (-3e38, 3e38),
        (1e-20, 1e-19),
        (-1e-44, 1e-44),
        (0.0, 0.0),
        (7.0, 7.0),
    ];
    for isa in Reduced::available(Precision::Int8) {
        for channels in [1, 3, 15, 16, 17, 31, 32, 33, 64, 65, 100] {
            let pixel = |&(min, max): &(f32, f32)| {
                let part = values(5, channels).into_iter().map(move |x| (x + 1.0) / 2.0);
                part.map(move |part| min * (1.0 - part) + max * part).collect::<Vec<f32>>()
            };
            let x: Vec<f32> = ranges.iter().flat_map(pixel).collect();
            let op = Conv::new(isa, &vec![1.0; channels], &[0.0], Clamp::NONE, &[channels]);
            let mut scratch = scratch(&op, 0, ranges.len());
            let convert = Convert { x: &x, stride: channels, scratch: &mut scratch };
            let pixels = op.convert(0, convert);
            let converted = pixels.grids().iter().zip(pixels.bytes());
            for (x, (grid, bytes)) in x.chunks(channels).zip(converted) {
                let (expected, integers) = quantised(x);
                assert_eq!(*grid, expected, "{isa:?} {x:?}");
                assert_eq!(bytes[..channels], integers, "{isa:?} {x:?}");
                for (x, integer) in x.iter().zip(integers) {
                    let value = f64::from(grid.scale) * f64::from(f32::from(integer) - grid.zero);
                    let error = (value - f64::from(*x)).abs() / f64::from(grid.scale);
                    assert!(error < 0.5001, "{isa:?} {x} became {value}");
                }
            }
            let out = row(&op, pixels, ranges.len());
            assert!(out.iter().all(|x| !x.is_nan()), "{isa:?} {out:?}");
            assert_eq!(out[10], 0.0, "{isa:?}: a pixel of zeros");
        }
    }
}

#[test]
fn a_pixel_that_is_not_finite_spoils_its_own_results_only() {
    for isa in Reduced::available(Precision::Int8) {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for at in [0, 17, 40] {
                let (channels, outputs, pixels) = (41, 20, 9);
                let mut x = values(1, pixels * channels);
                x[4 * channels + at] = bad;
                let kernel = values(2, channels * outputs);
                let op = Conv::new(isa, &kernel, &[0.0; 20], Clamp::NONE, &[channels]);
                let mut scratch = scratch(&op, 0, pixels);
                let convert = Convert { x: &x, stride: channels, scratch: &mut scratch };
                let out = row(&op, op.convert(0, convert), pixels);
                for (pixel, out) in out.chunks(outputs).enumerate() {
                    let spoilt = out.iter().all(|x| x.is_nan());
                    let finite = out.iter().all(|x| x.is_finite());
                    assert!(if pixel == 4 { spoilt } else { finite }, "{isa:?} {bad} {out:?}");
                }
            }
        }
    }
}
