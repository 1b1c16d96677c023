use std::fmt;
use std::str::FromStr;

use headstart_web::Weights;

use crate::ExportError;

/// Which parts of a model are exported, in which form, and with which proof.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExportConfig {
    /// Where the file's computation ends.
    pub output: Output,
    /// The pictures of the proof, u8 RGB `[n][height][width][3]` at the model's size; synthetic ones if empty.
    pub pictures: Vec<u8>,
    /// The first layer of the base to leave trainable in the exported file; `None` freezes all layers.
    pub trainable_from: Option<String>,
    /// Pictures for int8 quantization, u8 RGB `[n][height][width][3]` at the model's size, such as those of the
    /// training. The ranges of values are measured on them. If empty, weights and values stay f32.
    pub int8: Vec<u8>,
    /// The library whose names PyTorch weights get. If `None`, torchvision if it has the network, and timm otherwise.
    pub names: Option<Names>,
    /// How the weights of a compiled base are stored; in 16 bits if `None`.
    pub weights: Option<Weights>,
    /// The title of a page.
    pub title: Option<String>,
    /// The text below the title of a page.
    pub about: Option<String>,
}

/// A PyTorch library whose names exported weights can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Names {
    /// torchvision's: `features.2.conv.0.0.weight`.
    Torchvision,
    /// timm's: `blocks.1.0.conv_pw.weight`.
    Timm,
}

impl Names {
    /// The name of the library.
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
    /// Sets where the file's computation ends.
    #[must_use]
    pub fn with_output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Sets the pictures of the proof.
    #[must_use]
    pub fn with_pictures(mut self, pictures: Vec<u8>) -> Self {
        self.pictures = pictures;
        self
    }

    /// Sets the first layer of the base to leave trainable in the exported file.
    #[must_use]
    pub fn with_trainable_from(mut self, layer: impl Into<Option<String>>) -> Self {
        self.trainable_from = layer.into();
        self
    }

    /// Sets the pictures for int8 quantization.
    #[must_use]
    pub fn with_int8(mut self, pictures: Vec<u8>) -> Self {
        self.int8 = pictures;
        self
    }

    /// Sets the library whose names PyTorch weights get.
    #[must_use]
    pub fn with_names(mut self, names: impl Into<Option<Names>>) -> Self {
        self.names = names.into();
        self
    }

    /// Sets how the weights of a compiled base are stored.
    #[must_use]
    pub fn with_weights(mut self, weights: impl Into<Option<Weights>>) -> Self {
        self.weights = weights.into();
        self
    }

    /// Sets the title of a page.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Option<String>>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the text below the title of a page.
    #[must_use]
    pub fn with_about(mut self, about: impl Into<Option<String>>) -> Self {
        self.about = about.into();
        self
    }
}

/// Where a file's computation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Output {
    /// Calibrated probabilities, one per class.
    #[default]
    Probabilities,
    /// Logits, one per class, before division by the temperature. With two mutually exclusive classes, the logit of the
    /// first is 0.
    Logits,
    /// The features that the head reads.
    Features,
}

impl Output {
    /// The name of the file's output.
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
