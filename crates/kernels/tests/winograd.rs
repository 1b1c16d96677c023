//! Compares Winograd's 3x3 convolution with direct sums in f64, on every instruction set of this processor.

mod common;

use common::{panic_message, values};
use headstart_kernels::conv::Target;
use headstart_kernels::winograd::{Run, Winograd, under};
use headstart_kernels::{Activation, Clamp, Function, Isa};

const RELU: Clamp = Clamp { min: 0.0, max: 0.75 };

/// A padded map, a kernel, and what belongs to them.
struct Case {
    size: (usize, usize),
    /// Pixels per padded row.
    columns: usize,
    channels: (usize, usize),
    x: Vec<f32>,
    kernel: Vec<f32>,
    bias: Vec<f32>,
    residual: Vec<f32>,
}

impl Case {
    fn new(size: (usize, usize), extra: usize, channels: (usize, usize)) -> Self {
        let (rows, columns) = under(size);
        let columns = columns + extra;
        Self {
            size,
            columns,
            channels,
            x: values(1, rows * columns * channels.0),
            kernel: values(2, 9 * channels.0 * channels.1),
            bias: values(3, channels.1),
            residual: values(4, size.0 * size.1 * channels.1),
        }
    }

    /// The sums with the bias and, if `added`, the residual.
    fn sums(&self, added: bool) -> Vec<f64> {
        let ((height, width), (inputs, outputs)) = (self.size, self.channels);
        let mut out = Vec::new();
        for (pixel, n) in (0..height * width).flat_map(|p| (0..outputs).map(move |n| (p, n))) {
            let (y, x) = (pixel / width, pixel % width);
            let mut sum = f64::from(self.bias[n]);
            for (tap, c) in (0..9).flat_map(|tap| (0..inputs).map(move |c| (tap, c))) {
                let at = ((y + tap / 3) * self.columns + x + tap % 3) * inputs + c;
                let weight = self.kernel[(tap * inputs + c) * outputs + n];
                sum += f64::from(self.x[at]) * f64::from(weight);
            }
            sum += if added { f64::from(self.residual[pixel * outputs + n]) } else { 0.0 };
            out.push(sum);
        }
        out
    }

    fn run(&self, isa: Isa, activation: impl Into<Activation>, added: bool) -> Vec<f32> {
        let op = Winograd::new(isa, &self.kernel, &self.bias, activation);
        let mut out = vec![f32::NAN; self.size.0 * self.size.1 * self.channels.1];
        op.run(Run {
            x: &self.x,
            columns: self.columns,
            size: self.size,
            residual: added.then_some(&self.residual[..]),
            target: Target::dense(&mut out, self.size.1, self.channels.1),
            scratch: &mut vec![f32::NAN; op.scratch(self.size)],
            ahead: &[],
        });
        out
    }
}

/// Asserts an error of at most 2e-5 of the root mean square of all sums.
fn assert_close(actual: &[f32], expected: &[f64], scale: f64, case: &str) {
    assert_eq!(actual.len(), expected.len(), "{case}");
    for (actual, expected) in actual.iter().zip(expected) {
        let error = (f64::from(*actual) - expected).abs();
        assert!(error <= 2e-5 * scale, "{case}: {actual} instead of {expected}, scale {scale}");
    }
}

fn scale(sums: &[f64]) -> f64 {
    (sums.iter().map(|x| x * x).sum::<f64>() / sums.len() as f64).sqrt().max(1e-3)
}

#[test]
fn agrees_with_direct_sums_for_whole_and_partial_tiles() {
    for isa in Isa::available() {
        for size in [(1, 1), (3, 4), (4, 4), (5, 8), (9, 7)] {
            for channels in [(1, 1), (3, 16), (16, 5), (17, 70), (40, 24)] {
                let case = Case::new(size, size.0 % 2, channels);
                for (added, clamp) in [(false, Clamp::NONE), (true, RELU)] {
                    let sums = case.sums(added);
                    let clamped = |x: &f64| x.clamp(f64::from(clamp.min), f64::from(clamp.max));
                    let expected: Vec<f64> = sums.iter().map(clamped).collect();
                    let name = format!("{isa:?} {size:?} {channels:?} {clamp:?}");
                    assert_close(&case.run(isa, clamp, added), &expected, scale(&sums), &name);
                }
            }
        }
    }
}

#[test]
fn functions_follow_the_sums() {
    let case = Case::new((6, 6), 0, (8, 20));
    let sums = case.sums(true);
    for isa in Isa::available() {
        let activation = Activation::Function(Function::Silu);
        let expected: Vec<f64> = sums.iter().map(|x| x / (1.0 + (-x).exp())).collect();
        assert_close(
            &case.run(isa, activation, true),
            &expected,
            scale(&sums),
            &format!("{isa:?}"),
        );
    }
}

#[test]
fn writes_only_its_own_channels_of_a_wider_map() {
    let case = Case::new((5, 6), 0, (4, 3));
    let expected = case.sums(false);
    for isa in Isa::available() {
        let op = Winograd::new(isa, &case.kernel, &case.bias, Clamp::NONE);
        let mut map = vec![7.0; 5 * 6 * 8];
        op.run(Run {
            x: &case.x,
            columns: case.columns,
            size: case.size,
            residual: None,
            target: Target { values: &mut map[2..], row_stride: 6 * 8, pixel_stride: 8, room: 3 },
            scratch: &mut vec![f32::NAN; op.scratch(case.size)],
            ahead: &[],
        });
        let own: Vec<f32> = map.chunks(8).flat_map(|pixel| pixel[2..5].to_vec()).collect();
        assert_close(&own, &expected, scale(&expected), &format!("{isa:?}"));
        assert!(map.chunks(8).all(|pixel| [0, 1, 5, 6, 7].iter().all(|&at| pixel[at] == 7.0)));
    }
}

#[test]
fn refuses_buffers_that_are_too_short() {
    let mut case = Case::new((4, 4), 0, (2, 2));
    case.x.pop();
    let message = panic_message(|| drop(case.run(Isa::best(), RELU, false)));
    assert!(message.contains("x is too short"), "{message}");
    case.x.push(0.0);
    case.residual.pop();
    let message = panic_message(|| drop(case.run(Isa::best(), RELU, true)));
    assert!(message.contains("the residual is too short"), "{message}");
}
