//! Layers in f64, written for readability: the reference for the fast ones.

#![allow(dead_code)] // not every file of tests uses all layers

use headstart_model::{Activation, Margins};

/// Maps of some pictures, `[pictures][height][width][channels]`.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) pictures: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<f64>,
}

impl Map {
    pub(crate) fn zeros(pictures: usize, (height, width): (usize, usize), channels: usize) -> Self {
        let values = vec![0.0; pictures * height * width * channels];
        Self { pictures, height, width, channels, values }
    }

    /// The start of a pixel's channels.
    pub(crate) fn at(&self, picture: usize, y: usize, x: usize) -> usize {
        ((picture * self.height + y) * self.width + x) * self.channels
    }

    /// The channels of a pixel of the padded map, or `None` in the padding.
    fn within(&self, picture: usize, y: usize, x: usize, margins: Margins) -> Option<&[f64]> {
        let (y, x) = (y.checked_sub(margins.top)?, x.checked_sub(margins.left)?);
        let inside = y < self.height && x < self.width;
        inside.then(|| &self.values[self.at(picture, y, x)..][..self.channels])
    }

    /// Height and width of the output of a window on the map.
    fn slid(&self, (side, stride): (usize, usize), margins: Margins) -> (usize, usize) {
        let along = |size: usize| (size - side) / stride + 1;
        let (height, width) = (margins.top + margins.bottom, margins.left + margins.right);
        (along(self.height + height), along(self.width + width))
    }
}

/// Calls `each` with an output pixel, a tap of the kernel, and the input's channels under it.
fn taps(
    x: &Map,
    y: &Map,
    (side, stride): (usize, usize),
    margins: Margins,
    mut each: impl FnMut(usize, usize, &[f64]),
) {
    for picture in 0..y.pictures {
        for (row, column) in (0..y.height).flat_map(|r| (0..y.width).map(move |c| (r, c))) {
            for (i, j) in (0..side).flat_map(|i| (0..side).map(move |j| (i, j))) {
                let (under_row, under_column) = (row * stride + i, column * stride + j);
                if let Some(pixel) = x.within(picture, under_row, under_column, margins) {
                    each(y.at(picture, row, column), i * side + j, pixel);
                }
            }
        }
    }
}

/// `kernel` is `[side][side][inputs][outputs]`.
pub(crate) fn conv(x: &Map, kernel: &[f64], window: (usize, usize), margins: Margins) -> Map {
    let inputs = x.channels;
    let outputs = kernel.len() / (window.0 * window.0 * inputs);
    let mut y = Map::zeros(x.pictures, x.slid(window, margins), outputs);
    let mut sums = std::mem::take(&mut y.values);
    taps(x, &y_shape(&y), window, margins, |at, tap, pixel| {
        for (k, x) in pixel.iter().enumerate() {
            let row = &kernel[(tap * inputs + k) * outputs..][..outputs];
            sums[at..][..outputs].iter_mut().zip(row).for_each(|(sum, w)| *sum += x * w);
        }
    });
    Map { values: sums, ..y }
}

/// A grouped convolution; `kernel` is `[side][side][inputs of a group][outputs]`.
pub(crate) fn grouped(
    x: &Map,
    kernel: &[f64],
    groups: usize,
    window: (usize, usize),
    margins: Margins,
) -> Map {
    if groups == 1 {
        return conv(x, kernel, window, margins);
    }
    let inputs = x.channels / groups;
    let outputs = kernel.len() / (window.0 * window.0 * inputs);
    let own = outputs / groups;
    let mut y = Map::zeros(x.pictures, x.slid(window, margins), outputs);
    for group in 0..groups {
        let part = channels(x, group * inputs..(group + 1) * inputs);
        let rows = kernel.chunks_exact(outputs).flat_map(|row| &row[group * own..][..own]);
        let part = conv(&part, &rows.copied().collect::<Vec<f64>>(), window, margins);
        let pixels = y.values.chunks_exact_mut(outputs);
        for (to, from) in pixels.zip(part.values.chunks_exact(own)) {
            to[group * own..][..own].copy_from_slice(from);
        }
    }
    y
}

/// A range of channels of a map.
fn channels(x: &Map, range: std::ops::Range<usize>) -> Map {
    let pixels = x.values.chunks_exact(x.channels);
    let values = pixels.flat_map(|pixel| &pixel[range.clone()]).copied().collect();
    Map { channels: range.len(), values, ..*x }
}

/// Adds a bias to each channel.
pub(crate) fn moved(x: Map, bias: &[f64]) -> Map {
    affine(&x, &vec![1.0; bias.len()], bias)
}

pub(crate) fn activated(mut x: Map, activation: Activation) -> Map {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let hard_sigmoid = |x: f64| ((x + 3.0) / 6.0).clamp(0.0, 1.0);
    let f = |x: f64| match activation {
        Activation::Linear => x,
        Activation::Softmax => unreachable!("no base has one"),
        Activation::Sigmoid => sigmoid(x),
        Activation::HardSigmoid => hard_sigmoid(x),
        Activation::Silu => x * sigmoid(x),
        Activation::HardSilu => x * hard_sigmoid(x),
        Activation::Gelu => x * normal(x),
    };
    x.values.iter_mut().for_each(|value| *value = f(*value));
    x
}

/// `P(X <= x)` of a standard normal `X`, by the series of Marsaglia 2004 ("Evaluating the normal distribution").
fn normal(x: f64) -> f64 {
    if x.abs() > 8.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (mut sum, mut term, mut n) = (x, x, 1.0);
    while term.abs() > 1e-18 * sum.abs() {
        n += 2.0;
        term *= x * x / n;
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

/// LayerNormalization of each position by the mean and variance of its channels.
pub(crate) fn layer_norm(x: &Map, (gamma, beta): (&[f64], &[f64]), epsilon: f64) -> Map {
    let mut y = x.clone();
    for pixel in y.values.chunks_exact_mut(x.channels) {
        let n = pixel.len() as f64;
        let mean = pixel.iter().sum::<f64>() / n;
        let variance = pixel.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
        for (c, value) in pixel.iter_mut().enumerate() {
            *value = (*value - mean) / (variance + epsilon).sqrt() * gamma[c] + beta[c];
        }
    }
    y
}

/// The largest value under each window, ignoring margins.
pub(crate) fn max_pool(x: &Map, window: (usize, usize), margins: Margins) -> Map {
    let mut y = Map::zeros(x.pictures, x.slid(window, margins), x.channels);
    let mut most = vec![f64::NEG_INFINITY; y.values.len()];
    taps(x, &y_shape(&y), window, margins, |at, _, pixel| {
        for (most, value) in most[at..].iter_mut().zip(pixel) {
            *most = most.max(*value);
        }
    });
    y.values = most;
    y
}

/// Multiplies each channel of a map by its own value.
pub(crate) fn multiply(x: &Map, gate: &Map) -> Map {
    let mut y = x.clone();
    let picture = x.height * x.width * x.channels;
    for (map, gate) in y.values.chunks_exact_mut(picture).zip(gate.values.chunks_exact(x.channels))
    {
        for pixel in map.chunks_exact_mut(x.channels) {
            pixel.iter_mut().zip(gate).for_each(|(value, gate)| *value *= gate);
        }
    }
    y
}

/// Concatenates the channels of two maps.
pub(crate) fn concatenate(a: &Map, b: &Map) -> Map {
    let pixels = a.values.chunks_exact(a.channels).zip(b.values.chunks_exact(b.channels));
    let values = pixels.flat_map(|(a, b)| a.iter().chain(b)).copied().collect();
    Map { channels: a.channels + b.channels, values, ..*a }
}

/// `kernel` is `[side][side][channels]`.
pub(crate) fn depthwise(x: &Map, kernel: &[f64], window: (usize, usize), margins: Margins) -> Map {
    let channels = x.channels;
    let mut y = Map::zeros(x.pictures, x.slid(window, margins), channels);
    let mut sums = std::mem::take(&mut y.values);
    taps(x, &y_shape(&y), window, margins, |at, tap, pixel| {
        let row = &kernel[tap * channels..][..channels];
        for (c, x) in pixel.iter().enumerate() {
            sums[at + c] += x * row[c];
        }
    });
    Map { values: sums, ..y }
}

/// The sizes only.
fn y_shape(y: &Map) -> Map {
    Map { values: Vec::new(), ..*y }
}

/// `x * scale + bias` for each channel.
pub(crate) fn affine(x: &Map, scale: &[f64], bias: &[f64]) -> Map {
    let mut y = x.clone();
    for pixel in y.values.chunks_exact_mut(x.channels) {
        for (c, value) in pixel.iter_mut().enumerate() {
            *value = *value * scale[c] + bias[c];
        }
    }
    y
}

/// Mean and variance of each channel over all pictures and positions.
pub(crate) fn moments(x: &Map) -> (Vec<f64>, Vec<f64>) {
    let n = (x.values.len() / x.channels) as f64;
    let mean_of = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        let mut sums = vec![0.0; x.channels];
        for pixel in x.values.chunks_exact(x.channels) {
            pixel.iter().enumerate().for_each(|(c, &value)| sums[c] += f(c, value));
        }
        sums.into_iter().map(|sum| sum / n).collect()
    };
    let mean = mean_of(&|_, value| value);
    let variance = mean_of(&|c, value| (value - mean[c]).powi(2));
    (mean, variance)
}

/// `gamma (x - mean) / sqrt(variance + epsilon) + beta`.
pub(crate) fn normalize(
    x: &Map,
    (gamma, beta): (&[f64], &[f64]),
    (mean, variance): (&[f64], &[f64]),
    epsilon: f64,
) -> Map {
    let scale: Vec<f64> =
        gamma.iter().zip(variance).map(|(gamma, v)| gamma / (v + epsilon).sqrt()).collect();
    let bias: Vec<f64> = (0..scale.len()).map(|c| beta[c] - mean[c] * scale[c]).collect();
    affine(x, &scale, &bias)
}

/// Clamps values between two bounds.
pub(crate) fn clamp(mut x: Map, min: f64, max: f64) -> Map {
    x.values.iter_mut().for_each(|value| *value = value.max(min).min(max));
    x
}

pub(crate) fn add(a: &Map, b: &Map) -> Map {
    assert_eq!((a.height, a.width, a.channels), (b.height, b.width, b.channels));
    Map { values: a.values.iter().zip(&b.values).map(|(a, b)| a + b).collect(), ..*a }
}

/// Zeros around a map.
pub(crate) fn pad(x: &Map, margins: Margins) -> Map {
    // A window with a single tap of weight 1.
    depthwise(x, &vec![1.0; x.channels], (1, 1), margins)
}

/// The mean over all positions.
pub(crate) fn pool(x: &Map) -> Map {
    let mut y = Map::zeros(x.pictures, (1, 1), x.channels);
    let share = 1.0 / (x.height * x.width) as f64;
    let pictures = x.values.chunks_exact(x.height * x.width * x.channels);
    for (picture, to) in pictures.zip(y.values.chunks_exact_mut(x.channels)) {
        for pixel in picture.chunks_exact(x.channels) {
            to.iter_mut().zip(pixel).for_each(|(to, value)| *to += value * share);
        }
    }
    y
}

/// The derivative of `f` with respect to each of `x`, by central differences in f64.
///
/// Except for batch statistics, layers are linear in each of their inputs and weights between the kinks of their
/// clamps, so the step only needs to be small enough not to cross these.
pub(crate) fn differences(x: &[f64], step: f64, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut x = x.to_vec();
    (0..x.len())
        .map(|index| {
            let here = x[index];
            let mut value_at = |value| {
                x[index] = value;
                f(&x)
            };
            let difference = value_at(here + step) - value_at(here - step);
            x[index] = here;
            difference / (2.0 * step)
        })
        .collect()
}
