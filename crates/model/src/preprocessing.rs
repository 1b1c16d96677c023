//! How a picture becomes the input of a network.

use serde::{Deserialize, Serialize};

/// What happens to a picture before the first layer sees it.
///
/// It is a part of the model and travels in its file, so that prediction cannot
/// be run with another preprocessing than training had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Height of the network's input, in pixels.
    pub height: usize,
    /// Width of the network's input, in pixels.
    pub width: usize,
    /// How pixels are resampled to that size.
    pub interpolation: Interpolation,
    /// How a picture of another aspect ratio is made to fit.
    pub fit: Fit,
    /// Maps a channel's value in `0..=255` to the network's range.
    pub scaling: Scaling,
}

/// The affine map `x * scale + offset` of each channel, red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Factor of each channel.
    pub scale: [f32; 3],
    /// Added to each channel after scaling.
    pub offset: [f32; 3],
}

impl Scaling {
    /// `(x - mean) / std` with mean and standard deviation in units of `0..=255`.
    pub fn standardize(mean: [f32; 3], std: [f32; 3]) -> Self {
        Self { scale: std.map(|s| 1.0 / s), offset: std::array::from_fn(|c| -mean[c] / std[c]) }
    }

    /// `x / 127.5 - 1`, Keras's `mobilenet_v2.preprocess_input`.
    pub fn minus_one_to_one() -> Self {
        Self { scale: [1.0 / 127.5; 3], offset: [-1.0; 3] }
    }

    /// The ImageNet mean and standard deviation that torchvision and timm use.
    pub fn imagenet() -> Self {
        Self::standardize(
            [0.485, 0.456, 0.406].map(|x: f32| x * 255.0),
            [0.229, 0.224, 0.225].map(|x: f32| x * 255.0),
        )
    }
}

/// A resampling filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The triangle filter, widened when a picture shrinks: Pillow's `BILINEAR`.
    Bilinear,
    /// The Catmull-Rom-like cubic with a = -0.5, widened likewise: Pillow's `BICUBIC`.
    Bicubic,
}

/// How a picture whose aspect ratio differs from the input's is made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The whole picture, its aspect ratio given up: what Keras does by default.
    Stretch,
    /// The largest centred part with the input's aspect ratio.
    Crop,
}
