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
        /// The layer that it began as.
        layer: String,
    },
    /// Weights are not kept like this.
    #[error("unknown kind of weights '{name}'; there are int16 and int8")]
    NoSuchWeights {
        /// What was asked for.
        name: String,
    },
}

impl WebError {
    /// What can be done about it.
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
