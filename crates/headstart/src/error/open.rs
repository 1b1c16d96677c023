//! Errors of opening a model.

use std::path::{Path, PathBuf};

use headstart_error::ErrorKind;
use headstart_formats::Format;

/// There is no model of this name, or the file is not one that can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is not a headstart model.
    #[error("{}: is not a headstart model ({reason})", file.display())]
    NotAModel {
        /// The file.
        file: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The file is a whole Keras model, not one of headstart's.
    /// [`Classifier::import_keras`](crate::Classifier::import_keras) converts it.
    #[error("{}: is not a headstart model (a whole Keras model)", file.display())]
    KerasModel {
        /// The file.
        file: PathBuf,
    },
    /// The file contains weights only. [`Base::from_file`](crate::Base::from_file) loads them.
    #[error("{}: is not a headstart model (a {format} file{})", file.display(), looks_like.as_ref().map_or(String::new(), |what| format!(": {what}")))]
    WeightFile {
        /// The file.
        file: PathBuf,
        /// Its format.
        format: Format,
        /// What the file seems to contain.
        looks_like: Option<String>,
    },
    /// The model was written by a later version of headstart.
    #[error("{}: was written by a newer headstart (model format {found}, this one reads up to {known}); update headstart", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// The format version of the file.
        found: u64,
        /// The latest version that can be read.
        known: u64,
    },
    /// The name is neither a file nor a bundled base with a classifier.
    #[error("{model}: {}", not_found(near.as_deref(), bundled))]
    NotFound {
        /// The name or path.
        model: String,
        /// A model file that has this name and an extension.
        near: Option<PathBuf>,
        /// The bundled bases with a classifier.
        bundled: Vec<&'static str>,
    },
}

fn not_found(near: Option<&Path>, bundled: &[&str]) -> String {
    let names = bundled.join(", ");
    match (near, bundled) {
        (Some(near), _) => format!("is not a model file; did you mean {}?", near.display()),
        (None, []) => "no such file, and no weights are bundled in this build".to_owned(),
        (None, _) => format!(
            "no such file, and no bundled base with a classifier has this name (there is {names})"
        ),
    }
}

impl OpenError {
    /// What can be done about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAModel { .. } | Self::KerasModel { .. } | Self::WeightFile { .. } => {
                ErrorKind::InvalidData
            }
            Self::Newer { .. } => ErrorKind::Unsupported,
            Self::NotFound { .. } => ErrorKind::NotFound,
        }
    }

    /// The file that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::NotAModel { file, .. }
            | Self::KerasModel { file }
            | Self::WeightFile { file, .. }
            | Self::Newer { file, .. } => file,
            Self::NotFound { model, .. } => Path::new(model),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let text = || "x".to_owned();
        let file = PathBuf::new;
        headstart_error::assert_kinds! { OpenError:
            OpenError::NotAModel { .. } => OpenError::NotAModel { file: file(), reason: text() }, InvalidData;
            OpenError::KerasModel { .. } => OpenError::KerasModel { file: file() }, InvalidData;
            OpenError::WeightFile { .. } => OpenError::WeightFile { file: file(), format: Format::PyTorch, looks_like: None }, InvalidData;
            OpenError::Newer { .. } => OpenError::Newer { file: file(), found: 9, known: 2 }, Unsupported;
            OpenError::NotFound { .. } => OpenError::NotFound { model: text(), near: None, bundled: vec![] }, NotFound;
        }
    }
}
