//! Errors of reading and writing weight files.

use std::path::Path;

use headstart_error::ErrorKind;
use headstart_files::FileError;
use headstart_model::ModelError;
use headstart_model::safetensors::OutOfRange;

use crate::format::Format;

/// An error of this crate. Each message names the file and, if possible, a remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The weights do not fit the network, or either is invalid.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The operating system could not read or write a file.
    #[error(transparent)]
    Io(#[from] FileError),
    /// The file has no known weight format.
    #[error(
        "{file} {reason}; weights are read from Keras .h5 and .keras, PyTorch .pth and .safetensors files"
    )]
    NotAWeightFile {
        /// The file.
        file: String,
        /// What it is instead: `is empty`.
        reason: String,
    },
    /// The file has a format whose reader is not compiled into this build.
    #[error(
        "{file} is a {format} file, which this build of headstart does not read: it was compiled \
         without the feature `{feature}`"
    )]
    NotBuiltIn {
        /// The file.
        file: String,
        /// The format detected from its content.
        format: Format,
        /// The feature that reads it.
        feature: &'static str,
    },
    /// The file has a known format, but is truncated, damaged or of an unsupported kind.
    #[error("{file} cannot be read as a {format} file: {reason}")]
    BadFile {
        /// The file.
        file: String,
        /// The format detected from its content.
        format: Format,
        /// What is wrong with the file.
        reason: String,
    },
    /// A value cannot be represented in the requested type.
    #[error("cannot write {file}: {found}")]
    OutOfRange {
        /// The file.
        file: String,
        /// The value and its tensor.
        found: OutOfRange,
    },
    /// A file has no weights below the requested prefix.
    #[error("{file} has no weights below '{prefix}'; its names begin with {}", shorten(known))]
    NoSuchPrefix {
        /// The file.
        file: String,
        /// The requested prefix.
        prefix: String,
        /// The first parts of the names in the file.
        known: Vec<String>,
    },
    /// The names in the file belong to another framework than the network's.
    #[error("{file} holds {naming}, whose padding and normalisation {network} does not have{}", instead.map_or_else(String::new, |id| format!("; load it with the base {id}")))]
    OtherFramework {
        /// The file.
        file: String,
        /// A description of the naming.
        naming: &'static str,
        /// The id of the network's architecture.
        network: &'static str,
        /// The architecture that the file fits.
        instead: Option<&'static str>,
    },
    /// The file's metadata name another architecture.
    #[error("{file} holds weights of {holds}, not of {network}; load it with the base {holds}")]
    OtherArchitecture {
        /// The file.
        file: String,
        /// The architecture named in the metadata.
        holds: String,
        /// The id of the network's architecture.
        network: &'static str,
    },
    /// A whole Keras model has a layer before the base whose effect on pixels is not known.
    #[error("{file}: what this Keras model does to pixels before its base is not known: {reason}")]
    UnknownScaling {
        /// The file.
        file: String,
        /// The layer, and what is wrong with it.
        reason: String,
    },
    /// A whole Keras model has a structure that cannot be imported.
    #[error(
        "{file} cannot be imported: {reason}. A model that can be imported is input, augmentation, \
         Resizing, Rescaling or Normalization, MobileNetV2, GlobalAveragePooling2D, then Dense layers \
         with activations, BatchNormalization and Dropout, each but base, pooling and Dense optional"
    )]
    NotImportable {
        /// The file.
        file: String,
        /// The layer, and what is wrong with it.
        reason: String,
    },
}

impl FormatError {
    /// What a caller can do about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Model(error) => error.kind(),
            Self::Io(error) => error.kind(),
            Self::NoSuchPrefix { .. } => ErrorKind::InvalidName,
            Self::OutOfRange { .. }
            | Self::OtherFramework { .. }
            | Self::OtherArchitecture { .. } => ErrorKind::InvalidInput,
            Self::NotAWeightFile { .. }
            | Self::BadFile { .. }
            | Self::UnknownScaling { .. }
            | Self::NotImportable { .. } => ErrorKind::InvalidData,
            Self::NotBuiltIn { .. } => ErrorKind::Unsupported,
        }
    }

    /// The file that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Model(error) => error.path(),
            Self::Io(error) => Some(&error.path),
            Self::NotAWeightFile { file, .. }
            | Self::NotBuiltIn { file, .. }
            | Self::BadFile { file, .. }
            | Self::OutOfRange { file, .. }
            | Self::NoSuchPrefix { file, .. }
            | Self::OtherFramework { file, .. }
            | Self::OtherArchitecture { file, .. }
            | Self::UnknownScaling { file, .. }
            | Self::NotImportable { file, .. } => Some(Path::new(file)),
        }
    }
}

fn shorten(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let text = || "x".to_owned();
        let (file, reason) = (text, text);
        let cause = std::io::ErrorKind::NotFound.into();
        headstart_error::assert_kinds! { FormatError:
            FormatError::Model(_) => ModelError::BadTrainable(text()).into(), InvalidName;
            FormatError::Io(_) => FileError { action: "read", path: "x".into(), cause }.into(), NotFound;
            FormatError::NotAWeightFile { .. } => FormatError::NotAWeightFile { file: file(), reason: reason() }, InvalidData;
            FormatError::NotBuiltIn { .. } => FormatError::NotBuiltIn { file: file(), format: Format::Hdf5, feature: "keras" }, Unsupported;
            FormatError::BadFile { .. } => FormatError::BadFile { file: file(), format: Format::Safetensors, reason: reason() }, InvalidData;
            FormatError::OutOfRange { .. } => FormatError::OutOfRange { file: file(), found: OutOfRange { tensor: text(), value: 1e9 } }, InvalidInput;
            FormatError::NoSuchPrefix { .. } => FormatError::NoSuchPrefix { file: file(), prefix: text(), known: vec![] }, InvalidName;
            FormatError::OtherFramework { .. } => FormatError::OtherFramework { file: file(), naming: "x", network: "y", instead: None }, InvalidInput;
            FormatError::OtherArchitecture { .. } => FormatError::OtherArchitecture { file: file(), holds: text(), network: "y" }, InvalidInput;
            FormatError::UnknownScaling { .. } => FormatError::UnknownScaling { file: file(), reason: reason() }, InvalidData;
            FormatError::NotImportable { .. } => FormatError::NotImportable { file: file(), reason: reason() }, InvalidData;
        }
    }
}
