//! Compares the convolution in bf16 with a naive oracle over rounded values, on every instruction set of this
//! processor.

mod common;

use common::{assert_close, panic_message, values};
use half::bf16;
use headstart_kernels::Clamp;
use headstart_kernels::bf16::{Bf16, Conv, INPUTS, PIXELS, Round, Run};
use headstart_kernels::conv::Target;

const RELU: Clamp = Clamp { min: 0.0, max: 0.75 };

fn rounded(x: f32) -> f64 {
    f64::from(bf16::from_f32(x).to_f32())
}

/// Pixels of `channels` values as padded bf16, followed by some that must not be used.
fn padded(isa: Bf16, x: &[f32], channels: usize) -> Vec<u16> {
    let pixel = channels.next_multiple_of(INPUTS);
    let pixels = x.len() / channels;
    let mut out = vec![0x7fc0; pixels.next_multiple_of(PIXELS) * pixel];
    Round { x, stride: channels, channels, out: &mut out, pixel }.run(isa);
    out
}

#[test]
fn agrees_with_the_oracle_below_at_and_above_each_block() {
    for isa in Bf16::available() {
        for outputs in [1, 16, 24, 31, 32, 33, 64, 100] {
            for inputs in [1, 2, 16, 31, 32, 33, 96] {
                for (height, width) in [(1, 1), (3, 5), (1, 16), (1, 17), (4, 8), (3, 11), (13, 5)]
                {
                    let pixels = height * width;
                    let x = values(1, pixels * inputs);
                    let (kernel, bias) = (values(2, inputs * outputs), values(3, outputs));
                    let residual = values(4, pixels * outputs);
                    let op = Conv::new(isa, &kernel, &bias, RELU, &[inputs]);
                    let mut out = vec![f32::NAN; pixels * outputs];
                    op.run(Run {
                        panels: 0..op.panels(),
                        chunk: 0,
                        x: &padded(isa, &x, inputs),
                        height,
                        width,
                        residual: Some(&residual),
                        target: Target::dense(&mut out, width, outputs),
                        ahead: &[],
                    });
                    let mut expected = Vec::new();
                    for (p, x) in x.chunks(inputs).enumerate() {
                        for n in 0..outputs {
                            let product =
                                |k: usize| rounded(x[k]) * rounded(kernel[k * outputs + n]);
                            let sum: f64 = (0..inputs).map(product).sum();
                            let sum =
                                sum + f64::from(bias[n]) + f64::from(residual[p * outputs + n]);
                            expected.push(sum.clamp(0.0, 0.75));
                        }
                    }
                    let case = format!("{isa:?} {height}x{width} {inputs} to {outputs}");
                    assert_close(&out, &expected, inputs, &case);
                }
            }
        }
    }
}

#[test]
fn chunks_add_up_and_what_lies_between_pixels_and_rows_is_left_untouched() {
    for isa in Bf16::available() {
        let (height, width, outputs, ends) = (3, 7, 40, [48, 60]);
        let (kernel, bias) = (values(2, 60 * outputs), values(3, outputs));
        let x = values(1, height * width * 60);
        let op = Conv::new(isa, &kernel, &bias, Clamp::NONE, &ends);
        let (pixel_stride, row_stride) = (50, width * 50 + 9);
        let mut out = vec![-7.0; height * row_stride];
        let mut start = 0;
        for (chunk, &end) in ends.iter().enumerate() {
            let part: Vec<f32> = x.chunks(60).flat_map(|x| &x[start..end]).copied().collect();
            op.run(Run {
                panels: 0..op.panels(),
                chunk,
                x: &padded(isa, &part, end - start),
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
                let x = &x[(y * width + x0) * 60..][..60];
                let product = |k: usize| rounded(x[k]) * rounded(kernel[k * outputs + n]);
                let expected = (0..60).map(product).sum::<f64>() + f64::from(bias[n]);
                assert!((f64::from(*value) - expected).abs() < 1e-5, "{isa:?} at {at}");
            }
        }
    }
}

#[test]
fn panels_are_written_one_by_one_to_their_places_in_a_map() {
    for isa in Bf16::available() {
        for outputs in [40, 64, 72] {
            let (inputs, pixels) = (32, 49);
            let (kernel, bias) = (vec![0.0; inputs * outputs], values(3, outputs));
            let op = Conv::new(isa, &kernel, &bias, Clamp::NONE, &[inputs]);
            let x = padded(isa, &vec![0.0; pixels * inputs], inputs);
            let mut out = vec![f32::NAN; pixels * outputs];
            for panel in 0..op.panels() {
                let first = op.panel(panel).start;
                let (row_stride, room) = (pixels * outputs, outputs - first);
                let values = &mut out[first..];
                op.run(Run {
                    panels: panel..panel + 1,
                    chunk: 0,
                    x: &x,
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
    for isa in Bf16::available() {
        let op = Conv::new(isa, &[0.0; 32 * 32], &[0.0; 32], Clamp::NONE, &[32]);
        let x = padded(isa, &[0.0; 40 * 32], 32);
        let run = || {
            let mut out = vec![0.0; 1140];
            let target = Target { values: &mut out, row_stride: 0, pixel_stride: 100, room: 32 };
            let (panels, residual, ahead) = (0..1, None, &[][..]);
            op.run(Run { panels, chunk: 0, x: &x, height: 2, width: 20, residual, target, ahead });
        };
        assert_eq!(panic_message(run), "rows overlap", "{isa:?}");
    }
}

#[test]
fn rounding_is_to_nearest_even_and_keeps_what_is_not_a_number() {
    let mut x = values(1, 64);
    x.extend([0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX]);
    x.extend([f32::from_bits(0x3f80_8000), f32::from_bits(0x3f81_8000)]);
    x.push(f32::from_bits(0x7fff_ffff));
    for isa in Bf16::available() {
        let mut out = vec![7; x.len() * INPUTS];
        Round { x: &x, stride: 1, channels: 1, out: &mut out, pixel: INPUTS }.run(isa);
        for (x, out) in x.iter().zip(out.chunks(INPUTS)) {
            let expected = bf16::from_f32(*x);
            if expected.is_nan() {
                assert!(bf16::from_bits(out[0]).is_nan(), "{isa:?} {x}");
            } else {
                assert_eq!(out[0], expected.to_bits(), "{isa:?} {x}");
            }
            assert!(out[1..].iter().all(|&bits| bits == 0));
        }
    }
}
