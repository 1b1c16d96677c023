use headstart_error::ErrorKind;

/// Why a model cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// There is no kernel for an operation.
    #[error("there is no kernel for {operation} yet, which the network has as {layer}")]
    NoKernel {
        /// The operation.
        operation: &'static str,
        /// The layer that it began as.
        layer: String,
    },
}

impl WebError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoKernel { .. } => ErrorKind::InvalidInput,
        }
    }
}
