//! Compares the convolution with a naive oracle, on every instruction set of this processor.

mod common;

use common::{assert_close, panic_message, values};
use headstart_kernels::conv::{Conv, Run, Target, Windows};
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
        for outputs in [1, 7, 8, 16, 17, 24, 32, 48, 63, 64, 65, 80, 96, 144] {
            for inputs in [1, 3, 16, 27] {
                for pixels in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 25, 29] {
                    let x = values(1, pixels * inputs);
                    let kernel = values(2, inputs * outputs);
                    let bias = values(3, outputs);
                    let added = values(4, pixels * outputs);
                    for (residual, clamp) in [(None, RELU), (Some(&added[..]), Clamp::NONE)] {
                        let op = Conv::new(isa, &kernel, &bias, clamp);
                        let mut out = vec![f32::NAN; pixels * outputs];
                        let windows = Windows::pixels(1, pixels, inputs);
                        op.apply(&x, windows, residual, &mut out);
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
fn chunks_of_inputs_add_up_and_the_last_adds_the_residual_and_clamps() {
    for isa in Isa::available() {
        for outputs in [5, 16, 24, 40, 64, 80] {
            for ends in [&[21][..], &[16, 21], &[1, 5, 21]] {
                let (inputs, pixels) = (21, 14);
                let (x, kernel) = (values(1, pixels * inputs), values(2, inputs * outputs));
                let (bias, added) = (values(3, outputs), values(4, pixels * outputs));
                let op = Conv::in_chunks(isa, &kernel, &bias, RELU, ends);
                let mut out = vec![f32::NAN; pixels * outputs];
                let mut first = 0;
                for (chunk, &end) in ends.iter().enumerate() {
                    op.run(Run {
                        panels: 0..op.panels(),
                        chunk,
                        x: &x[first..],
                        windows: Windows::pixels(1, pixels, inputs),
                        residual: Some(&added),
                        target: Target::dense(&mut out, pixels, outputs),
                        ahead: op.weights(chunk, 0..op.panels()),
                    });
                    first = end;
                }
                let expected = oracle(&x, &kernel, &bias, Some(&added), RELU);
                assert_close(&out, &expected, inputs, &format!("{isa:?} {outputs} {ends:?}"));
            }
        }
    }
}

#[test]
fn a_panel_fills_up_its_vectors_where_pixels_have_room_and_leaves_the_rest_untouched() {
    for isa in Isa::available() {
        for outputs in [3, 16, 24, 40, 70, 144] {
            let (inputs, width, height) = (5, 7, 3);
            let x = values(1, height * width * inputs);
            let (kernel, bias) = (values(2, inputs * outputs), values(3, outputs));
            let op = Conv::new(isa, &kernel, &bias, Clamp::NONE);
            let all = oracle(&x, &kernel, &bias, None, Clamp::NONE);
            for panel in 0..op.panels() {
                let channels = op.panel(panel);
                let full = channels.len().next_multiple_of(isa.lanes());
                // With room for the channels only, for whole vectors, and for more.
                for pixel_stride in [channels.len(), full, full + 9] {
                    let row_stride = width * pixel_stride + 48;
                    let mut out = vec![-7.0; height * row_stride];
                    op.run(Run {
                        panels: panel..panel + 1,
                        chunk: 0,
                        x: &x,
                        windows: Windows::pixels(height, width, inputs),
                        residual: None,
                        target: Target {
                            values: &mut out,
                            row_stride,
                            pixel_stride,
                            room: pixel_stride,
                        },
                        ahead: &[],
                    });
                    let case = format!("{isa:?} {outputs} panel {panel} stride {pixel_stride}");
                    for (y, row) in out.chunks(row_stride).enumerate() {
                        let (pixels, gap) = row.split_at(width * pixel_stride);
                        assert!(gap.iter().all(|&x| x == -7.0), "{case}: wrote past a row");
                        for (x, pixel) in pixels.chunks(pixel_stride).enumerate() {
                            let expected = &all[(y * width + x) * outputs..][channels.clone()];
                            assert_close(&pixel[..channels.len()], expected, inputs, &case);
                            let rest = &pixel[channels.len()..];
                            let filled = rest.len().min(full - channels.len());
                            assert!(
                                rest[..filled].iter().all(|&x| x == 0.0)
                                    && rest[filled..].iter().all(|&x| x == -7.0),
                                "{case}: {rest:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn panels_are_written_one_by_one_to_their_places_in_a_map() {
    for isa in Isa::available() {
        for outputs in [3, 40, 70, 72, 144] {
            for (height, width, gap) in [(1, 49, 0), (2, 15, 3), (7, 7, 0)] {
                let (kernel, bias) = (values(2, 5 * outputs), values(3, outputs));
                let x = values(1, height * width * 5);
                let op = Conv::new(isa, &kernel, &bias, Clamp::NONE);
                let row_stride = width * outputs + gap;
                // The slice ends with the last pixel.
                let mut out = vec![f32::NAN; height * row_stride - gap];
                for panel in 0..op.panels() {
                    let first = op.panel(panel).start;
                    let (pixel_stride, room) = (outputs, outputs - first);
                    op.run(Run {
                        panels: panel..panel + 1,
                        chunk: 0,
                        x: &x,
                        windows: Windows::pixels(height, width, 5),
                        residual: None,
                        target: Target {
                            values: &mut out[first..],
                            row_stride,
                            pixel_stride,
                            room,
                        },
                        ahead: &[],
                    });
                }
                let dense: Vec<f32> = out
                    .chunks(row_stride)
                    .flat_map(|row| &row[..width * outputs])
                    .copied()
                    .collect();
                let expected = oracle(&x, &kernel, &bias, None, Clamp::NONE);
                assert_close(&dense, &expected, 5, &format!("{isa:?} {outputs} {height}x{width}"));
            }
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
                op.apply(&x, windows, None, &mut out);
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
        let run = || op.apply(&[1.0; 4096], windows, None, &mut [0.0; 4096]);
        let message = panic_message(run);
        assert_eq!(message, "strides reach further than any slice", "{windows:?}");
    }
}
