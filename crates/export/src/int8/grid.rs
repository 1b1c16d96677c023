//! Quantization to 8 bits.

/// The values that 8 bits can represent: `scale * (q - zero)`, with `q` from -128 to 127.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    pub(crate) scale: f32,
    pub(crate) zero: i32,
}

/// The range of values, extended to include 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Range {
    min: f32,
    max: f32,
}

impl Range {
    pub(super) fn take(&mut self, values: &[f32]) {
        for &x in values {
            self.min = self.min.min(x);
            self.max = self.max.max(x);
        }
    }

    pub(super) fn united(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }

    /// The finest grid that covers the range and contains 0.
    pub(super) fn grid(self) -> Grid {
        let scale = ((self.max - self.min) / 255.0).max(f32::MIN_POSITIVE);
        Grid { scale, zero: (-128.0 - self.min / scale).round() as i32 }
    }
}

impl Grid {
    pub(super) fn number(self, x: f32) -> i8 {
        ((x / self.scale).round() + self.zero as f32).clamp(-128.0, 127.0) as i8
    }

    pub(super) fn value(self, number: i8) -> f32 {
        self.scale * (i32::from(number) - self.zero) as f32
    }

    pub(super) fn snap(self, values: &mut [f32]) {
        values.iter_mut().for_each(|x| *x = self.value(self.number(*x)));
    }
}

/// Quantized weights: kernels with a scale per output and a zero point of 0, and biases in units of input scale times
/// weight scale.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    pub(crate) kernel: Vec<i8>,
    pub(crate) bias: Vec<i32>,
    /// One scale per output.
    pub(crate) scales: Vec<f32>,
    input: f32,
}

impl Weights {
    /// Quantizes a kernel, whose last axis is that of outputs. `input` is the scale of the input, and `means` are the
    /// means of its channels: each bias compensates for the average error that rounding the kernel causes (Nagel et al.
    /// 2019). A depthwise kernel uses one mean for each output; any other kernel uses all of them in turn.
    pub(super) fn new(
        kernel: &[f32],
        bias: &[f32],
        input: f32,
        (means, is_depthwise): (&[f32], bool),
    ) -> Self {
        let outputs = bias.len();
        let mut scales = vec![f32::MIN_POSITIVE / input.min(1.0); outputs];
        for row in kernel.chunks_exact(outputs) {
            scales.iter_mut().zip(row).for_each(|(scale, w)| *scale = scale.max(w.abs() / 127.0));
        }
        // Limits the size of a quantized bias, so that it fits in an i32.
        let most = (1_u32 << 30) as f32;
        scales.iter_mut().zip(bias).for_each(|(s, b)| *s = s.max(b.abs() / (input * most)));
        let number = |(at, w): (usize, &f32)| (w / scales[at % outputs]).round() as i8;
        let numbers: Vec<i8> = kernel.iter().enumerate().map(number).collect();
        let mut bias: Vec<f64> = bias.iter().map(|&b| f64::from(b)).collect();
        for (at, (number, w)) in numbers.iter().zip(kernel).enumerate() {
            let output = at % outputs;
            let channel = if is_depthwise { output } else { at / outputs % means.len() };
            let moved = f32::from(*number) * scales[output] - w;
            bias[output] -= f64::from(moved * means[channel]);
        }
        let steps = |(b, scale): (&f64, &f32)| (b / f64::from(input * scale)).round() as i32;
        Self { kernel: numbers, bias: bias.iter().zip(&scales).map(steps).collect(), scales, input }
    }

    /// The kernel and the bias that the quantized ones represent.
    pub(super) fn values(&self) -> (Vec<f32>, Vec<f32>) {
        let outputs = self.bias.len();
        let kernel = self.kernel.iter().enumerate();
        let bias = self.bias.iter().zip(&self.scales);
        (
            kernel.map(|(at, &w)| f32::from(w) * self.scales[at % outputs]).collect(),
            bias.map(|(&b, scale)| b as f32 * (self.input * scale)).collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_covers_its_range_and_has_zero() {
        for (min, max) in [(0.0, 6.0), (-1.0, 1.0), (-3.0, 0.5), (-2.0, 0.0), (0.0, 0.0)] {
            let mut range = Range::default();
            range.take(&[min, max]);
            let grid = range.grid();
            assert_eq!(grid.value(grid.number(0.0)), 0.0);
            for x in [min, max, (min + max) / 3.0] {
                let off = (grid.value(grid.number(x)) - x).abs();
                assert!(off <= 0.51 * grid.scale.max(1e-30), "{x} of {min} to {max}: {off}");
            }
        }
    }

    #[test]
    fn weights_are_half_a_step_off_at_most() {
        let kernel = [0.5, -100.0, -0.25, 3.0, 0.0, 12.0];
        let bias = [1000.0, -3.0];
        let weights = Weights::new(&kernel, &bias, 0.02, (&[0.0; 3], false));
        let (found, biases) = weights.values();
        for (at, (found, w)) in found.iter().zip(&kernel).enumerate() {
            assert!((found - w).abs() <= 0.5 * weights.scales[at % 2], "{found} and {w}");
        }
        for (found, b) in biases.iter().zip(&bias) {
            assert!((found - b).abs() < 0.01, "{found} and {b}");
        }
        // An output whose weights are all zero still has its bias.
        let nothing = Weights::new(&[0.0; 4], &[2.0, 0.0], 0.1, (&[1.0, 1.0], false));
        assert!((nothing.values().1[0] - 2.0).abs() < 1e-6);
        assert_eq!(nothing.values().1[1], 0.0);
    }
}
