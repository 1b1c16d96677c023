use std::fmt;
use std::str::FromStr;

use headstart_web::Weights;

use crate::ExportError;

/// What of a model goes into a file, and what proves it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportConfig {
    /// Where the file's computation ends.
    pub output: Output,
    /// Pictures of the proof, u8 RGB `[n][height][width][3]` at the model's size; drawn ones when empty.
    pub pictures: Vec<u8>,
    /// The first layer of the base that trains on where the file is trained on; all are frozen when `None`.
    pub trainable_from: Option<String>,
    /// Pictures, u8 RGB `[n][height][width][3]` at the model's size, such as those of the training, by which
    /// weights and values become whole numbers of 8 bits; they stay f32 when empty.
    pub int8: Vec<u8>,
    /// Under whose names PyTorch's weights go out; torchvision's where it has the network, and otherwise
    /// timm's, when `None`.
    pub names: Option<Names>,
    /// How a compiled base's weights are kept; in 16 bits when `None`.
    pub weights: Option<Weights>,
    /// The title of a page.
    pub title: Option<String>,
    /// What a page says of itself below its title.
    pub about: Option<String>,
}

/// A library for PyTorch, by whose names weights go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Names {
    /// torchvision's: `features.2.conv.0.0.weight`.
    Torchvision,
    /// timm's: `blocks.1.0.conv_pw.weight`.
    Timm,
}

impl Names {
    /// The library.
    pub fn name(self) -> &'static str {
        match self {
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
        }
    }
}

impl FromStr for Names {
    type Err = ExportError;

    fn from_str(name: &str) -> Result<Self, ExportError> {
        match name {
            "torchvision" => Ok(Self::Torchvision),
            "timm" => Ok(Self::Timm),
            _ => Err(ExportError::NoSuchNames { name: name.to_owned() }),
        }
    }
}

impl ExportConfig {
    /// Where the file's computation ends.
    #[must_use]
    pub fn with_output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Pictures of the proof.
    #[must_use]
    pub fn with_pictures(mut self, pictures: Vec<u8>) -> Self {
        self.pictures = pictures;
        self
    }

    /// The first layer of the base that trains on where the file is trained on.
    #[must_use]
    pub fn with_trainable_from(mut self, layer: impl Into<Option<String>>) -> Self {
        self.trainable_from = layer.into();
        self
    }

    /// Pictures by which weights and values become whole numbers of 8 bits.
    #[must_use]
    pub fn with_int8(mut self, pictures: Vec<u8>) -> Self {
        self.int8 = pictures;
        self
    }

    /// Under whose names PyTorch's weights go out.
    #[must_use]
    pub fn with_names(mut self, names: impl Into<Option<Names>>) -> Self {
        self.names = names.into();
        self
    }

    /// How a compiled base's weights are kept.
    #[must_use]
    pub fn with_weights(mut self, weights: impl Into<Option<Weights>>) -> Self {
        self.weights = weights.into();
        self
    }

    /// The title of a page.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Option<String>>) -> Self {
        self.title = title.into();
        self
    }

    /// What a page says of itself below its title.
    #[must_use]
    pub fn with_about(mut self, about: impl Into<Option<String>>) -> Self {
        self.about = about.into();
        self
    }
}

/// Where a file's computation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Output {
    /// At calibrated probabilities, one of each class.
    #[default]
    Probabilities,
    /// At logits, one of each class, before they are divided by the temperature. Of two classes of which
    /// one is right, that of the first is 0.
    Logits,
    /// At the features that the head reads.
    Features,
}

impl Output {
    /// What the file's output is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Probabilities => "probabilities",
            Self::Logits => "logits",
            Self::Features => "features",
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
