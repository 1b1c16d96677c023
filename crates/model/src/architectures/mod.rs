//! The registered architectures: each a table of rows with its preprocessing beside it.

mod efficientnet_lite;
mod inverted_residual;
mod mobilenetv2;

use crate::{ModelError, Network};

/// A registered architecture: everything about a base but its weights.
#[derive(Debug)]
pub struct Architecture {
    /// The name by which `--base` asks for it.
    pub id: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Multipliers of the channel counts that it comes in; the first is the default.
    pub widths: &'static [f32],
    /// Side of its input when none is asked for, in pixels.
    pub input_size: usize,
    /// Length of its feature vector at the default width.
    pub feature_width: usize,
    /// Classes of its published classifier.
    pub top_classes: usize,
    /// Whose padding, epsilon and momentum it follows, and so whose weights it takes.
    pub framework: Framework,
    build: fn(&Architecture, &NetworkConfig) -> Result<Network, ModelError>,
}

/// Where a description's conventions come from. The same table of rows is padded and normalised
/// differently by each, so weights of one are wrong in the description of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framework {
    /// Keras's `keras.applications`.
    Keras,
    /// TensorFlow's own models, and ports that keep their padding.
    TensorFlow,
    /// torchvision's and timm's own training.
    PyTorch,
}

/// What to build of an [`Architecture`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetworkConfig {
    /// Height and width of the input in pixels; the architecture's own when `None`.
    pub input_size: Option<(usize, usize)>,
    /// Multiplier of the channel counts; the architecture's default when `None`.
    pub width: Option<f32>,
    /// Classes of the classifier on top; no top, and a map of features as output, when `None`.
    pub top: Option<usize>,
}

/// Every architecture, in the order in which they are listed.
pub static ARCHITECTURES: &[Architecture] = &[
    mobilenetv2::KERAS,
    mobilenetv2::TORCH,
    efficientnet_lite::LITE0,
    efficientnet_lite::LITE1,
    efficientnet_lite::LITE2,
    efficientnet_lite::LITE3,
    efficientnet_lite::LITE4,
    efficientnet_lite::LITE0_TORCH,
];

/// Smallest side of an input, in pixels: five halvings leave one position.
const MIN_INPUT_SIZE: usize = 32;

impl Architecture {
    /// The architecture called `id`.
    ///
    /// # Errors
    /// [`ModelError::NoSuchBase`], with the names that there are.
    pub fn find(id: &str) -> Result<&'static Self, ModelError> {
        ARCHITECTURES.iter().find(|a| a.id == id).ok_or_else(|| ModelError::NoSuchBase {
            name: id.to_owned(),
            known: ARCHITECTURES.iter().map(|a| a.id).collect(),
        })
    }

    /// Builds the network; every layer is trainable, as in Keras.
    ///
    /// # Errors
    /// When the width is not one of the architecture's, or a side of the input is under 32 pixels.
    pub fn build(&self, config: &NetworkConfig) -> Result<Network, ModelError> {
        let (height, width) = self.input_size(config);
        if height.min(width) < MIN_INPUT_SIZE {
            return Err(ModelError::InputTooSmall {
                network: self.id.to_owned(),
                layer: format!("{height} x {width}"),
            });
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
