use headstart_error::ErrorKind;
use headstart_web::{WebError, Weights};

use crate::Output;

/// Why a model cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There is no format of this name.
    #[error("unknown format '{name}'; there are {}", known.join(", "))]
    NoSuchFormat {
        /// What was asked for.
        name: String,
        /// Names of the formats.
        known: Vec<&'static str>,
    },
    /// There are no names of such a library.
    #[error("unknown naming '{name}'; there are torchvision and timm")]
    NoSuchNames {
        /// What was asked for.
        name: String,
    },
    /// Names were asked for, and the format's files have one kind of them.
    #[error("{format} has no choice of names; only pytorch has")]
    NamesOfOne {
        /// The format.
        format: &'static str,
    },
    /// A title or a text was given, and the format's files show none.
    #[error("{format} has no title and text; only web has")]
    TitleOfPage {
        /// The format.
        format: &'static str,
    },
    /// It was said how weights are kept, and the format's files keep them as they are.
    #[error("{format} has no choice of weights; only web and wasm have")]
    WeightsOfCompiled {
        /// The format.
        format: &'static str,
    },
    /// With what is left of the weights other classes come first.
    #[error(
        "with {} weights the first class of {changed} of {pictures} pictures of the proof changes; use int16",
        weights.name()
    )]
    AnswersChange {
        /// How they are kept.
        weights: Weights,
        /// Pictures with another answer.
        changed: usize,
        /// All pictures.
        pictures: usize,
    },
    /// There is nothing that a part of the model could be compiled to.
    #[error("the model cannot be compiled to WebAssembly: {0}; use onnx instead")]
    Web(#[from] WebError),
    /// Whole numbers of 8 bits were asked for, and the format's files have none.
    #[error("{format} cannot be quantised to int8; only tflite can")]
    Int8Of {
        /// The format.
        format: &'static str,
    },
    /// In whole numbers of 8 bits the model would answer otherwise.
    #[error(
        "in int8 only {same} of {pictures} answers stay the same, fewer than 99 %; export in f32, or train on more pictures"
    )]
    Int8Changes {
        /// Pictures with the same answer.
        same: usize,
        /// Pictures it was measured on.
        pictures: usize,
    },
    /// The format has no place for a part of the model.
    #[error("{format} has no place for {part}; {instead}")]
    Lacks {
        /// The format.
        format: &'static str,
        /// The part.
        part: String,
        /// What else would do.
        instead: &'static str,
    },
    /// The format's files do not end there.
    #[error("{format} cannot stop at {output}; {} can", others.join(", "))]
    NoSuchOutput {
        /// The format.
        format: &'static str,
        /// Where the file should have ended.
        output: Output,
        /// Formats whose files can.
        others: Vec<&'static str>,
    },
    /// The encoder of a format refuses what it is given.
    #[error("the model cannot be written as {format}: {reason}")]
    Encoding {
        /// The format.
        format: &'static str,
        /// What the encoder says.
        reason: String,
    },
    /// Pictures of another size than the model takes.
    #[error("{bytes} bytes are not whole pictures of {width} x {height} pixels")]
    Pictures {
        /// Width that the model takes, in pixels.
        width: usize,
        /// Height that it takes.
        height: usize,
        /// Bytes that were given.
        bytes: usize,
    },
}

impl ExportError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchFormat { .. } | Self::NoSuchNames { .. } => ErrorKind::InvalidName,
            Self::Encoding { .. } => ErrorKind::Internal,
            Self::Web(error) => error.kind(),
            Self::Lacks { .. }
            | Self::NamesOfOne { .. }
            | Self::TitleOfPage { .. }
            | Self::WeightsOfCompiled { .. }
            | Self::AnswersChange { .. }
            | Self::Int8Of { .. }
            | Self::Int8Changes { .. }
            | Self::NoSuchOutput { .. }
            | Self::Pictures { .. } => ErrorKind::InvalidInput,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let name = || "x".to_owned();
        headstart_error::assert_kinds! { ExportError:
            ExportError::NoSuchFormat { .. } => ExportError::NoSuchFormat { name: name(), known: vec!["onnx"] }, InvalidName;
            ExportError::NoSuchNames { .. } => ExportError::NoSuchNames { name: name() }, InvalidName;
            ExportError::NamesOfOne { .. } => ExportError::NamesOfOne { format: "onnx" }, InvalidInput;
            ExportError::TitleOfPage { .. } => ExportError::TitleOfPage { format: "onnx" }, InvalidInput;
            ExportError::WeightsOfCompiled { .. } => ExportError::WeightsOfCompiled { format: "onnx" }, InvalidInput;
            ExportError::AnswersChange { .. } => ExportError::AnswersChange { weights: Weights::Int8, changed: 1, pictures: 4 }, InvalidInput;
            ExportError::Web(..) => ExportError::Web(WebError::NoKernel { operation: "a mean", layer: name() }), InvalidInput;
            ExportError::Int8Of { .. } => ExportError::Int8Of { format: "onnx" }, InvalidInput;
            ExportError::Int8Changes { .. } => ExportError::Int8Changes { same: 1, pictures: 2 }, InvalidInput;
            ExportError::Lacks { .. } => ExportError::Lacks { format: "pytorch", part: name(), instead: "onnx has" }, InvalidInput;
            ExportError::NoSuchOutput { .. } => ExportError::NoSuchOutput { format: "keras", output: Output::Logits, others: vec!["onnx"] }, InvalidInput;
            ExportError::Encoding { .. } => ExportError::Encoding { format: "HDF5", reason: name() }, Internal;
            ExportError::Pictures { .. } => ExportError::Pictures { width: 4, height: 4, bytes: 47 }, InvalidInput;
        }
    }
}
