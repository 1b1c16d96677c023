//! Conversion of a picture to the input of a network.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ModelError;

/// The preprocessing of a picture before the first layer.
///
/// It is part of the model and stored in its file, so that prediction and training always share their preprocessing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Height of the network's input, in pixels.
    pub height: usize,
    /// Width of the network's input, in pixels.
    pub width: usize,
    /// How pixels are resampled to that size.
    pub interpolation: Interpolation,
    /// How pictures of another aspect ratio are made to fit.
    pub fit: Fit,
    /// Maps a channel's value in `0..=255` to the network's range.
    pub scaling: Scaling,
}

/// The affine map `x * scale + offset` of each channel, in the order red, green, blue.
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

    /// `x`: the network scales pixels itself.
    pub fn none() -> Self {
        Self { scale: [1.0; 3], offset: [0.0; 3] }
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

/// How pixels are resampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Interpolation {
    /// The triangle filter, widened for downscaling: Pillow's `BILINEAR`, torchvision's with antialiasing.
    Bilinear,
    /// The cubic filter with a = -0.5 (Catmull-Rom), widened likewise: Pillow's `BICUBIC`.
    Bicubic,
    /// The mean over the part of the picture that an output pixel covers, with pixels at the border weighted by the
    /// covered fraction, for both downscaling and upscaling: Keras's `area`. For downscaling also OpenCV's
    /// `INTER_AREA`; by a whole number, Pillow's `BOX`.
    Area,
    /// Bilinear between the four nearest pixels, not widened: `tf.image.resize`, and so Keras's
    /// `image_dataset_from_directory`. Downscaling by more than two skips pixels and causes aliasing; use it only for
    /// models that were trained with it.
    Tensorflow,
}

/// How a picture whose aspect ratio differs from the input's is made to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fit {
    /// The whole picture, without keeping its aspect ratio: Keras's default.
    Stretch,
    /// The largest centred part with the input's aspect ratio.
    Crop,
    /// The whole picture, keeping its aspect ratio, centred on black.
    Pad,
}

impl Preprocessing {
    /// Whether a picture much larger than the input may be decoded at a reduced size, from means of its pixels. That
    /// hardly matters to a widened filter, while [`Interpolation::Tensorflow`] needs the exact pixels.
    pub fn may_reduce(&self) -> bool {
        self.interpolation != Interpolation::Tensorflow
    }
}

/// Names of an enum's variants, for display, parsing and serialisation.
macro_rules! named {
    ($kind:ident, $what:literal, $($variant:ident = $name:literal),+) => {
        impl $kind {
            const NAMES: &[&str] = &[$($name),+];

            /// Its name in options and model files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $kind {
            type Err = ModelError;

            fn from_str(name: &str) -> Result<Self, ModelError> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(ModelError::NoSuchName {
                        what: $what,
                        name: name.to_owned(),
                        known: Self::NAMES,
                    }),
                }
            }
        }

        impl TryFrom<String> for $kind {
            type Error = ModelError;

            fn try_from(name: String) -> Result<Self, ModelError> {
                name.parse()
            }
        }

        impl From<$kind> for String {
            fn from(kind: $kind) -> Self {
                kind.name().to_owned()
            }
        }
    };
}

named!(
    Interpolation,
    "interpolation",
    Bilinear = "bilinear",
    Bicubic = "bicubic",
    Area = "area",
    Tensorflow = "tensorflow"
);
named!(Fit, "fit", Stretch = "stretch", Crop = "crop", Pad = "pad");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_model_files_and_unknown_ones_are_refused_with_what_there_is() {
        for (interpolation, name) in [
            (Interpolation::Bilinear, "bilinear"),
            (Interpolation::Bicubic, "bicubic"),
            (Interpolation::Area, "area"),
            (Interpolation::Tensorflow, "tensorflow"),
        ] {
            assert_eq!(interpolation.to_string(), name);
            assert_eq!(name.parse::<Interpolation>().unwrap(), interpolation);
            let json = serde_json::to_string(&interpolation).unwrap();
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<Interpolation>(&json).unwrap(), interpolation);
        }
        for (fit, name) in [(Fit::Stretch, "stretch"), (Fit::Crop, "crop"), (Fit::Pad, "pad")] {
            assert_eq!(fit.to_string(), name);
            assert_eq!(name.parse::<Fit>().unwrap(), fit);
            assert_eq!(serde_json::to_string(&fit).unwrap(), format!("\"{name}\""));
        }
        assert_eq!(
            "nearest".parse::<Interpolation>().unwrap_err().to_string(),
            "unknown interpolation 'nearest'; there are bilinear, bicubic, area, tensorflow"
        );
        let error = serde_json::from_str::<Fit>("\"Pad\"").unwrap_err().to_string();
        assert!(error.starts_with("unknown fit 'Pad'; there are stretch, crop, pad"));
    }

    #[test]
    fn only_what_antialiases_may_be_decoded_at_a_reduced_size() {
        for (interpolation, may) in [
            (Interpolation::Bilinear, true),
            (Interpolation::Bicubic, true),
            (Interpolation::Area, true),
            (Interpolation::Tensorflow, false),
        ] {
            let scaling = Scaling::imagenet();
            let fit = Fit::Stretch;
            let own = Preprocessing { height: 32, width: 32, interpolation, fit, scaling };
            assert_eq!(own.may_reduce(), may, "{interpolation}");
        }
    }
}
