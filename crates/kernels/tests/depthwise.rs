//! Compares the depthwise convolution with a naive oracle, on every instruction set of this processor.

mod common;

use common::{assert_close, values};
use headstart_kernels::depthwise::{Depthwise, Ring, Run};
use headstart_kernels::{Clamp, Isa};

const CLAMP: Clamp = Clamp { min: 0.0, max: 0.9 };

/// `[height][width][channels]` over a map with `columns` pixels per row.
fn oracle(
    (input, columns): (&[f32], usize),
    (weights, bias): (&[f32], &[f32]),
    (kernel, stride): (usize, usize),
    (height, width): (usize, usize),
) -> Vec<f64> {
    let channels = bias.len();
    let mut out = Vec::new();
    for at in 0..height * width * channels {
        let (y, x, c) = (at / channels / width, at / channels % width, at % channels);
        let mut sum = f64::from(bias[c]);
        for tap in 0..kernel * kernel {
            let (row, column) = (y * stride + tap / kernel, x * stride + tap % kernel);
            let value = input[(row * columns + column) * channels + c];
            sum += f64::from(value) * f64::from(weights[tap * channels + c]);
        }
        out.push(sum.clamp(f64::from(CLAMP.min), f64::from(CLAMP.max)));
    }
    out
}

#[test]
fn agrees_with_the_oracle_for_every_kernel_stride_and_channel_remainder() {
    for isa in Isa::available() {
        for (kernel, stride) in [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2), (7, 1), (3, 3)] {
            for channels in [1, 8, 15, 16, 24, 40] {
                for (height, width) in [(1, 1), (1, 5), (4, 3), (2, 9), (3, 11), (1, 27)] {
                    let weights = values(1, kernel * kernel * channels);
                    let bias = values(2, channels);
                    let op = Depthwise::new(isa, &weights, &bias, kernel, stride, CLAMP);
                    let (rows, columns) = (op.inputs_under(height), op.inputs_under(width));
                    let map = values(3, rows * columns * channels);
                    let expected = oracle(
                        (&map, columns),
                        (&weights, &bias),
                        (kernel, stride),
                        (height, width),
                    );

                    // In a ring that starts in the middle, with pixels padded to whole vectors.
                    let pixel = channels.next_multiple_of(isa.lanes()) + 3;
                    let (first, slots, row) = (5, rows + 1, columns * pixel + 2);
                    let mut ring = vec![0.25; slots * row];
                    for (at, value) in map.iter().enumerate() {
                        let (y, x, c) =
                            (at / channels / columns, at / channels % columns, at % channels);
                        ring[(first + y) % slots * row + x * pixel + c] = *value;
                    }
                    let mut out = vec![f32::NAN; height * width * channels];
                    op.run(Run {
                        channels: 0..channels,
                        input: &ring,
                        rows: Ring { first, slots, stride: row },
                        input_stride: pixel,
                        height,
                        width,
                        out: &mut out,
                        out_stride: channels,
                    });
                    let case = format!("{isa:?} k{kernel} s{stride} {height}x{width}x{channels}");
                    assert_close(&out, &expected, kernel * kernel, &case);
                }
            }
        }
    }
}

#[test]
fn some_channels_go_where_they_are_told_and_fill_up_their_last_vector() {
    for isa in Isa::available() {
        let lanes = isa.lanes();
        let (channels, width) = (3 * lanes + 5, 6);
        let (weights, bias) = (values(1, 9 * channels), values(2, channels));
        let op = Depthwise::new(isa, &weights, &bias, 3, 1, CLAMP);
        let map = values(3, 3 * 8 * channels);
        let expected = oracle((&map, 8), (&weights, &bias), (3, 1), (1, width));
        for some in [0..2 * lanes, lanes..channels] {
            let pixel = some.len().next_multiple_of(lanes);
            let mut input = vec![0.0; 3 * 8 * pixel];
            for (from, to) in map.chunks(channels).zip(input.chunks_mut(pixel)) {
                to[..some.len()].copy_from_slice(&from[some.clone()]);
            }
            let mut out = vec![-7.0; width * (pixel + 2)];
            op.run(Run {
                channels: some.clone(),
                input: &input,
                rows: Ring { first: 0, slots: 3, stride: 8 * pixel },
                input_stride: pixel,
                height: 1,
                width,
                out: &mut out,
                out_stride: pixel + 2,
            });
            for (out, expected) in out.chunks(pixel + 2).zip(expected.chunks(channels)) {
                assert_close(&out[..some.len()], &expected[some.clone()], 9, isa.name());
                assert!(out[some.len()..pixel].iter().all(|&x| x == 0.0), "{isa:?}");
                assert_eq!(out[pixel..], [-7.0; 2], "{isa:?} wrote past a pixel");
            }
        }
    }
}

#[test]
#[should_panic(expected = "further than any slice")]
fn strides_that_overflow_are_refused() {
    let op = Depthwise::new(Isa::best(), &[1.0; 144], &[0.0; 16], 3, 1, Clamp::NONE);
    op.run(Run {
        channels: 0..16,
        input: &[1.0; 4096],
        rows: Ring { first: 0, slots: 4, stride: usize::MAX / 2 },
        input_stride: 16,
        height: 2,
        width: 1,
        out: &mut [0.0; 32],
        out_stride: 16,
    });
}
