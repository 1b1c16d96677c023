//! Layers in f64, written to be read: what the fast ones must agree with.

use headstart_model::Margins;

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

    /// Where a pixel's channels begin.
    pub(crate) fn at(&self, picture: usize, y: usize, x: usize) -> usize {
        ((picture * self.height + y) * self.width + x) * self.channels
    }

    /// The channels of a pixel of the map with zeros around it, if it is none of these.
    fn within(&self, picture: usize, y: usize, x: usize, margins: Margins) -> Option<&[f64]> {
        let (y, x) = (y.checked_sub(margins.top)?, x.checked_sub(margins.left)?);
        let inside = y < self.height && x < self.width;
        inside.then(|| &self.values[self.at(picture, y, x)..][..self.channels])
    }

    /// Height and width of what a window makes of the map.
    fn slid(&self, (side, stride): (usize, usize), margins: Margins) -> (usize, usize) {
        let along = |size: usize| (size - side) / stride + 1;
        let (height, width) = (margins.top + margins.bottom, margins.left + margins.right);
        (along(self.height + height), along(self.width + width))
    }
}

/// Calls `each` with an output's pixel, a tap of the kernel, and the input's channels under it.
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

/// The sizes alone.
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

/// Values between two bounds.
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
    // A window of one tap that weighs 1.
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
/// Layers but for batch statistics are linear in each of their inputs and weights between the kinks
/// of their clamps, so the step is only small for these not to be crossed.
#[allow(dead_code)] // whole networks move many weights at once
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
