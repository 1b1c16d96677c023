//! BatchNormalization in training mode: `y = gamma (x - mean) / sqrt(variance + epsilon) + beta` with the mean and the
//! variance of each channel over the batch.
//!
//! A batch is computed in parts, so both directions have two halves: sums over each part, and, once these have been
//! added, the computation that depends on them. Sums are f64.
//!
//! In inference mode it is an affine map, which is folded into the convolution before it.

use super::maps::{Gradient, Maps};
use crate::network::layout::runs;

/// Sums over the positions of a range of pictures, `[channels]` each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) first: Vec<f64>,
    pub(crate) second: Vec<f64>,
}

impl Sums {
    fn zeros(channels: usize) -> Self {
        Self { first: vec![0.0; channels], second: vec![0.0; channels] }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.first.is_empty() {
            *self = other.clone();
            return;
        }
        for (to, from) in [(&mut self.first, &other.first), (&mut self.second, &other.second)] {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
    }
}

/// Mean and variance of a batch, or the moving statistics; `[channels]` each.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    /// The population variance: divided by the number of positions.
    pub(crate) variance: Vec<f64>,
}

/// Computes the sums of `x` and of `x²`.
pub(crate) fn moment_sums(x: Maps<'_>) -> Sums {
    let channels = x.layout.channels;
    let mut sums = Sums::zeros(channels);
    for picture in x.pictures() {
        runs([x.layout], |[run]| {
            for pixel in picture[run].chunks_exact(channels) {
                for (c, &value) in pixel.iter().enumerate() {
                    let value = f64::from(value);
                    sums.first[c] += value;
                    sums.second[c] += value * value;
                }
            }
        });
    }
    sums
}

impl Moments {
    /// Computes the moments from the sums over `positions`.
    pub(crate) fn new(sums: &Sums, positions: usize) -> Self {
        let n = positions as f64;
        let mean: Vec<f64> = sums.first.iter().map(|sum| sum / n).collect();
        let variance = sums.second.iter().zip(&mean);
        let variance = variance.map(|(sum, mean)| (sum / n - mean * mean).max(0.0)).collect();
        Self { mean, variance }
    }

    fn inverse(&self, c: usize, epsilon: f32) -> f64 {
        1.0 / (self.variance[c] + f64::from(epsilon)).sqrt()
    }

    /// Scale and bias of the normalisation as an affine map.
    pub(crate) fn affine(&self, gamma: &[f32], beta: &[f32], epsilon: f32) -> (Vec<f32>, Vec<f32>) {
        let pair = |c: usize| {
            let scale = f64::from(gamma[c]) * self.inverse(c, epsilon);
            (scale as f32, (f64::from(beta[c]) - self.mean[c] * scale) as f32)
        };
        (0..gamma.len()).map(pair).unzip()
    }
}

/// Computes the sums of `d_y` and of `d_y x`. `d_y` is dense.
pub(crate) fn gradient_sums(x: Maps<'_>, d_y: Maps<'_>) -> Sums {
    let channels = x.layout.channels;
    let mut sums = Sums::zeros(channels);
    for (x, d_y) in x.pictures().zip(d_y.pictures()) {
        for (x, d) in x.chunks_exact(channels).zip(d_y.chunks_exact(channels)) {
            for c in 0..channels {
                sums.first[c] += f64::from(d[c]);
                sums.second[c] += f64::from(d[c]) * f64::from(x[c]);
            }
        }
    }
    sums
}

/// Computes the gradients of gamma and beta from the sums over the whole batch.
pub(crate) fn weight_gradients(
    sums: &Sums,
    moments: &Moments,
    epsilon: f32,
) -> (Vec<f32>, Vec<f32>) {
    let pair = |c: usize| {
        let centred = sums.second[c] - moments.mean[c] * sums.first[c];
        ((centred * moments.inverse(c, epsilon)) as f32, sums.first[c] as f32)
    };
    (0..sums.first.len()).map(pair).unzip()
}

/// Computes the gradient of the input: `d_x = gamma / sigma (d_y - mean(d_y) - x_hat mean(d_y x_hat))`, from the sums
/// over the `positions` of the whole batch. `x` and `d_y` are dense.
pub(crate) fn backward(
    x: Maps<'_>,
    d_y: Maps<'_>,
    (sums, positions): (&Sums, usize),
    (moments, gamma, epsilon): (&Moments, &[f32], f32),
    d_x: Gradient<'_>,
) {
    let channels = gamma.len();
    let n = positions as f64;
    let factors: Vec<[f32; 4]> = (0..channels)
        .map(|c| {
            let (inverse, mean) = (moments.inverse(c, epsilon), moments.mean[c]);
            let centred = (sums.second[c] - mean * sums.first[c]) / n;
            let scale = f64::from(gamma[c]) * inverse;
            [scale, sums.first[c] / n, mean, centred * inverse * inverse].map(|x| x as f32)
        })
        .collect();
    d_x.write(|mut d_x| {
        d_x.clear();
        let layout = d_x.layout;
        let dense = d_y.layout;
        for ((x, d_y), to) in x.pictures().zip(d_y.pictures()).zip(d_x.pictures()) {
            runs([dense, layout], |[from, run]| {
                let pixels = x[from.clone()].chunks_exact(channels);
                let pixels = pixels.zip(d_y[from].chunks_exact(channels));
                for ((x, d), to) in pixels.zip(to[run].chunks_exact_mut(channels)) {
                    for c in 0..channels {
                        let [scale, d_mean, mean, slope] = factors[c];
                        to[c] = scale * (d[c] - d_mean - (x[c] - mean) * slope);
                    }
                }
            });
        }
    });
}
