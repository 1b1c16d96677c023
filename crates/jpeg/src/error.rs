//! Errors of decoding.

/// Why a file has no pixels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file ends before the picture does.
    #[error("truncated")]
    Truncated,
    /// The data contradicts itself, as described.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A kind of JPEG that is not supported.
    #[error("cannot be decoded: {0}")]
    Unsupported(String),
}

pub(crate) const TRUNCATED: Error = Error::Truncated;

pub(crate) fn damaged(detail: &str) -> Error {
    Error::Damaged(detail.to_owned())
}
