use headstart_error::ErrorKind;

/// Why a model cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// There is no kernel for an operation.
    #[error("{operation} (layer {layer}) is not supported")]
    NoKernel {
        /// The operation.
        operation: &'static str,
        /// The layer that the operation comes from.
        layer: String,
    },
    /// There is no such kind of weights.
    #[error("unknown kind of weights '{name}'; there are int16 and int8")]
    NoSuchWeights {
        /// The requested name.
        name: String,
    },
}

impl WebError {
    /// What a caller can do about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoKernel { .. } => ErrorKind::InvalidInput,
            Self::NoSuchWeights { .. } => ErrorKind::InvalidName,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        headstart_error::assert_kinds! { WebError:
            WebError::NoKernel { .. } => WebError::NoKernel { operation: "a mean", layer: "pool".to_owned() }, InvalidInput;
            WebError::NoSuchWeights { .. } => WebError::NoSuchWeights { name: "x".to_owned() }, InvalidName;
        }
    }
}
