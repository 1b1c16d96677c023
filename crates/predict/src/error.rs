use headstart_decode::DecodeError;
use headstart_error::ErrorKind;
use headstart_model::ModelError;

/// Why the bytes of a file are no model that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// They hold no headstart model, or a damaged one.
    #[error("this is not a headstart model ({0})")]
    NotAModel(String),
    /// The model was written by a later version.
    #[error(
        "this was written by a newer headstart (model format {found}, this one reads up to {known}); update headstart"
    )]
    Newer {
        /// Its format.
        found: u64,
        /// The newest that is known.
        known: u64,
    },
    /// The network or its weights are not sound.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Why there is no prediction for a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The picture cannot be read.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// Pixels of another size than was said.
    #[error("{bytes} bytes are not a picture of {width} x {height} pixels")]
    Pixels {
        /// Width that was said, in pixels.
        width: usize,
        /// Height that was said, in pixels.
        height: usize,
        /// Bytes that were given.
        bytes: usize,
    },
}

impl ModelFileError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAModel(_) => ErrorKind::InvalidData,
            Self::Newer { .. } => ErrorKind::Unsupported,
            Self::Model(error) => error.kind(),
        }
    }
}

impl PredictError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Picture(error) => error.kind(),
            Self::Pixels { .. } => ErrorKind::InvalidInput,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        headstart_error::assert_kinds! { ModelFileError:
            ModelFileError::NotAModel(_) => ModelFileError::NotAModel("it is empty".to_owned()), InvalidData;
            ModelFileError::Newer { .. } => ModelFileError::Newer { found: 9, known: 2 }, Unsupported;
            ModelFileError::Model(_) => ModelError::BadTrainable("x".to_owned()).into(), InvalidName;
        }
        headstart_error::assert_kinds! { PredictError:
            PredictError::Picture(_) => DecodeError::NotAPicture { what: "text" }.into(), UnreadablePicture;
            PredictError::Pixels { .. } => PredictError::Pixels { width: 4, height: 4, bytes: 47 }, InvalidInput;
        }
    }
}
