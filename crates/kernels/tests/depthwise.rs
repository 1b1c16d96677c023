//! The depthwise convolution against a naive oracle, on every instruction set of this processor.

mod common;

use common::{assert_close, values};
use headstart_kernels::depthwise::{Band, Depthwise};
use headstart_kernels::{Clamp, Isa};

#[test]
fn agrees_with_the_oracle_for_every_kernel_stride_and_channel_remainder() {
    let clamp = Clamp { min: 0.0, max: 0.9 };
    for isa in Isa::available() {
        for kernel in [1, 3, 5, 7] {
            for stride in [1, 2] {
                for channels in [1, 8, 15, 16, 24, 40] {
                    for (height, width) in [(1, 1), (1, 5), (4, 3)] {
                        let weights = values(1, kernel * kernel * channels);
                        let bias = values(2, channels);
                        let op = Depthwise::new(isa, &weights, &bias, kernel, stride, clamp);
                        let input_stride = op.inputs_under(width) * channels + 3;
                        let input = values(3, op.inputs_under(height) * input_stride);
                        let mut out = vec![f32::NAN; height * width * channels];
                        op.run(&input, &mut out, Band { height, width, input_stride });

                        let mut expected = Vec::new();
                        for at in 0..out.len() {
                            let (y, x, c) =
                                (at / channels / width, at / channels % width, at % channels);
                            let mut sum = f64::from(bias[c]);
                            for tap in 0..kernel * kernel {
                                let (i, j) = (tap / kernel, tap % kernel);
                                let row = (y * stride + i) * input_stride;
                                let value = input[row + (x * stride + j) * channels + c];
                                sum += f64::from(value) * f64::from(weights[tap * channels + c]);
                            }
                            expected.push(sum.clamp(0.0, f64::from(clamp.max)));
                        }
                        let case =
                            format!("{isa:?} k{kernel} s{stride} {height}x{width}x{channels}");
                        assert_close(&out, &expected, kernel * kernel, &case);
                    }
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "further than any slice")]
fn strides_that_overflow_are_refused() {
    let op = Depthwise::new(Isa::best(), &[1.0; 144], &[0.0; 16], 3, 1, Clamp::NONE);
    let band = Band { height: 2, width: 1, input_stride: usize::MAX / 2 };
    op.run(&[1.0; 4096], &mut [0.0; 32], band);
}
