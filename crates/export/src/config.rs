use std::fmt;

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
