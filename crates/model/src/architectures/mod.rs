//! The registered architectures: a table of rows for each, with its preprocessing.

mod convnext;
mod efficientnet;
mod efficientnet_lite;
mod inverted_residual;
mod mbconv;
mod mobilenetv1;
mod mobilenetv2;
mod mobilenetv3;
mod plain;
mod regnet;
mod resnet;
mod squeezenet;

use crate::{ModelError, Network};

/// A registered architecture: everything about a base except its weights.
#[derive(Debug)]
pub struct Architecture {
    /// The name that selects it in `--base`.
    pub id: &'static str,
    /// A one-line description.
    pub about: &'static str,
    /// Available multipliers of the channel counts; the first is the default.
    pub widths: &'static [f32],
    /// Default side of its input, in pixels.
    pub input_size: usize,
    /// Length of its feature vector at the default width.
    pub feature_width: usize,
    /// Number of classes of its published classifier.
    pub top_classes: usize,
    /// The framework whose padding, epsilon and momentum it follows, and whose weights therefore fit.
    pub framework: Framework,
    build: fn(&Architecture, &NetworkConfig) -> Result<Network, ModelError>,
}

/// The framework whose conventions a description follows. Each pads and normalises the same table of rows differently,
/// so weights of one are wrong for the description of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framework {
    /// Keras's `keras.applications`.
    Keras,
    /// TensorFlow's own models, and ports that keep their padding.
    TensorFlow,
    /// torchvision's and timm's own models.
    PyTorch,
}

/// What to build from an [`Architecture`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkConfig {
    /// Height and width of the input in pixels; the architecture's default when `None`.
    pub input_size: Option<(usize, usize)>,
    /// Multiplier of the channel counts; the architecture's default when `None`.
    pub width: Option<f32>,
    /// Number of classes of the classifier on top; when `None`, there is no top and the output is a feature map.
    pub top: Option<usize>,
}

/// Every architecture, in listing order.
pub static ARCHITECTURES: &[Architecture] = &[
    mobilenetv2::KERAS,
    mobilenetv2::TORCH,
    efficientnet_lite::LITE0,
    efficientnet_lite::LITE1,
    efficientnet_lite::LITE2,
    efficientnet_lite::LITE3,
    efficientnet_lite::LITE4,
    efficientnet_lite::LITE0_TORCH,
    mobilenetv1::KERAS,
    resnet::RESNET18,
    resnet::RESNET34,
    resnet::RESNET50,
    squeezenet::SQUEEZENET,
    mobilenetv3::SMALL,
    mobilenetv3::LARGE,
    mobilenetv3::SMALL_TORCH,
    mobilenetv3::LARGE_TORCH,
    mobilenetv3::SMALL_TIMM,
    mobilenetv3::LARGE_TIMM,
    efficientnet::B0,
    efficientnet::B1,
    efficientnet::B2,
    efficientnet::B3,
    efficientnet::B0_TORCH,
    efficientnet::B1_TORCH,
    efficientnet::B2_TORCH,
    efficientnet::B3_TORCH,
    efficientnet::B0_TF,
    efficientnet::B1_TF,
    efficientnet::B2_TF,
    efficientnet::B3_TF,
    efficientnet::V2S,
    efficientnet::V2S_TORCH,
    efficientnet::V2S_TF,
    regnet::Y_400MF,
    convnext::TINY,
    convnext::SMALL,
];

/// Smallest side of an input, in pixels; five halvings of it leave one position.
pub const MIN_INPUT_SIZE: usize = 32;

/// Largest side of an input, in pixels: memory grows with the area, and no network here was trained at anything near
/// this size.
pub const MAX_INPUT_SIZE: usize = 2048;

impl Architecture {
    /// Returns the architecture with this `id`.
    ///
    /// # Errors
    /// [`ModelError::NoSuchBase`], which lists the registered names.
    pub fn find(id: &str) -> Result<&'static Self, ModelError> {
        ARCHITECTURES.iter().find(|a| a.id == id).ok_or_else(|| ModelError::NoSuchBase {
            name: id.to_owned(),
            known: ARCHITECTURES.iter().map(|a| a.id).collect(),
        })
    }

    /// Builds the network; every layer is trainable, as in Keras.
    ///
    /// # Errors
    /// When the width is not one of the architecture's, or a side of the input is not in
    /// [`MIN_INPUT_SIZE`]`..=`[`MAX_INPUT_SIZE`].
    pub fn build(&self, config: &NetworkConfig) -> Result<Network, ModelError> {
        let (height, width) = self.input_size(config);
        if height.min(width) < MIN_INPUT_SIZE {
            return Err(ModelError::InputTooSmall {
                network: self.id.to_owned(),
                layer: format!("{height} x {width}"),
            });
        }
        if height.max(width) > MAX_INPUT_SIZE {
            return Err(ModelError::InputTooLarge { height, width, most: MAX_INPUT_SIZE });
        }
        let multiplier = self.width(config);
        if !self.widths.contains(&multiplier) {
            return Err(ModelError::NoSuchWidth {
                base: self.id,
                width: multiplier,
                known: self.widths,
            });
        }
        let mut network = (self.build)(self, config)?;
        network.set_architecture(self.id, multiplier);
        Ok(network)
    }

    fn input_size(&self, config: &NetworkConfig) -> (usize, usize) {
        config.input_size.unwrap_or((self.input_size, self.input_size))
    }

    fn width(&self, config: &NetworkConfig) -> f32 {
        config.width.unwrap_or(self.widths[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_of_the_input_lies_between_the_smallest_and_the_largest() {
        for architecture in ARCHITECTURES {
            let build = |height, width| {
                let input_size = Some((height, width));
                architecture.build(&NetworkConfig { input_size, ..NetworkConfig::default() })
            };
            build(MIN_INPUT_SIZE, MAX_INPUT_SIZE).unwrap();
            build(MAX_INPUT_SIZE, MIN_INPUT_SIZE).unwrap();
            for (height, width) in [(2049, 160), (160, 2049), (usize::MAX, usize::MAX)] {
                let error = build(height, width).unwrap_err().to_string();
                let says = format!(
                    "an input of {height} x {width} pixels is too large; the maximum is 2048 x 2048"
                );
                assert_eq!(error, says);
            }
            for (height, width) in [(31, 160), (160, 31), (0, 0), (0, usize::MAX)] {
                let error = build(height, width).unwrap_err();
                assert!(matches!(error, ModelError::InputTooSmall { .. }), "{error}");
            }
        }
    }
}
