use headstart_error::ErrorKind;
use headstart_web::{WebError, Weights};

use crate::Output;

/// Why a model cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// No format has this name.
    #[error("unknown format '{name}'; there are {}", known.join(", "))]
    NoSuchFormat {
        /// The requested name.
        name: String,
        /// The names of the formats.
        known: Vec<&'static str>,
    },
    /// The names of this library are not supported.
    #[error("unknown naming '{name}'; there are torchvision and timm")]
    NoSuchNames {
        /// The requested name.
        name: String,
    },
    /// Names were requested, but the format has only one kind of names.
    #[error("{format} has no choice of names; only pytorch has")]
    NamesOfOne {
        /// The format.
        format: &'static str,
    },
    /// A title or a text was given, but the format shows none.
    #[error("{format} has no title and text; only web has")]
    TitleOfPage {
        /// The format.
        format: &'static str,
    },
    /// A kind of weights was requested, but the format stores weights only as they are.
    #[error("{format} has no choice of weights; only web and wasm have")]
    WeightsOfCompiled {
        /// The format.
        format: &'static str,
    },
    /// With rounded weights, the model gives different answers to pictures of the proof.
    #[error(
        "with {} weights the answers to {changed} of {pictures} pictures of the proof change; use int16",
        weights.name()
    )]
    AnswersChange {
        /// How the weights are stored.
        weights: Weights,
        /// The number of pictures with a different answer.
        changed: usize,
        /// The number of all pictures.
        pictures: usize,
    },
    /// A part of the model cannot be compiled to WebAssembly.
    #[error("the model cannot be compiled to WebAssembly: {0}; use onnx instead")]
    Web(#[from] WebError),
    /// Int8 was requested, but the format does not support it.
    #[error("{format} cannot be quantised to int8; only tflite can")]
    Int8Of {
        /// The format.
        format: &'static str,
    },
    /// In int8, too many answers of the model change.
    #[error(
        "in int8 only {same} of {pictures} answers stay the same, fewer than 99 %; export in f32, or train on more pictures"
    )]
    Int8Changes {
        /// The number of pictures with the same answer.
        same: usize,
        /// The number of pictures on which it was measured.
        pictures: usize,
    },
    /// The format cannot express a part of the model.
    #[error("{format} has no place for {part}; {instead}")]
    Lacks {
        /// The format.
        format: &'static str,
        /// The part.
        part: String,
        /// The alternative.
        instead: &'static str,
    },
    /// The format does not support this output.
    #[error("{format} cannot stop at {output}; {} can", others.join(", "))]
    NoSuchOutput {
        /// The format.
        format: &'static str,
        /// The requested output.
        output: Output,
        /// The formats that support it.
        others: Vec<&'static str>,
    },
    /// The encoder of a format refuses its input.
    #[error("the model cannot be written as {format}: {reason}")]
    Encoding {
        /// The format.
        format: &'static str,
        /// The message of the encoder.
        reason: String,
    },
    /// The pictures do not have the size of the model's input.
    #[error("{bytes} bytes are not whole pictures of {width} x {height} pixels")]
    Pictures {
        /// The width of the model's input, in pixels.
        width: usize,
        /// The height of the model's input, in pixels.
        height: usize,
        /// The number of bytes that were given.
        bytes: usize,
    },
}

impl ExportError {
    /// What a caller can do about the error.
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
