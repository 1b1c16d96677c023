use headstart_decode::DecodeError;
use headstart_error::ErrorKind;
use headstart_model::ModelError;

/// The reason why the bytes of a file are not a usable model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// They are not a headstart model, or a damaged one.
    #[error("this is not a headstart model ({0})")]
    NotAModel(String),
    /// The model was written by a later version.
    #[error(
        "this was written by a newer headstart (model format {found}, this one reads up to {known}); update headstart"
    )]
    Newer {
        /// Its format.
        found: u64,
        /// The newest supported format.
        known: u64,
    },
    /// The network or its weights are invalid.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// The reason why there is no prediction for a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The picture cannot be read.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// The number of bytes does not match the given size.
    #[error("{bytes} bytes are not a picture of {width} x {height} pixels")]
    Pixels {
        /// The given width, in pixels.
        width: usize,
        /// The given height, in pixels.
        height: usize,
        /// The number of bytes.
        bytes: usize,
    },
}

impl ModelFileError {
    /// The category of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAModel(_) => ErrorKind::InvalidData,
            Self::Newer { .. } => ErrorKind::Unsupported,
            Self::Model(error) => error.kind(),
        }
    }
}

impl PredictError {
    /// The category of the error.
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
