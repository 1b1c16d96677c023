//! Errors of fetching files.

use std::path::Path;

use headstart_error::ErrorKind;
use headstart_files::FileError;

use crate::{Hash, Size};

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The system has no program to fetch files with.
    #[error("{url}: cannot be fetched, since neither curl nor wget is on the PATH")]
    NoProgram {
        /// The file's address.
        url: String,
    },
    /// The address is not a web address.
    #[error("{url}: is not an address that begins with https:// or http://")]
    BadUrl {
        /// The address.
        url: String,
    },
    /// The server cannot be reached, or the connection broke and could not be restored.
    #[error("{url}: cannot be fetched ({reason})")]
    Unreachable {
        /// The file's address.
        url: String,
        /// The program's message.
        reason: String,
        /// The number of bytes received; the next attempt continues from there.
        received: u64,
    },
    /// The server answers with an error status.
    #[error("{url}: {} (status {status})", refusal(*status))]
    Refused {
        /// The file's address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The received data and the published file differ in length.
    #[error("{url}: {received} bytes arrived, but the published file has {expected}")]
    Length {
        /// The file's address.
        url: String,
        /// The number of bytes received.
        received: u64,
        /// The published size.
        expected: Size,
    },
    /// The received data exceeds the size limit.
    #[error("{url}: is larger than {most} bytes")]
    TooLong {
        /// The file's address.
        url: String,
        /// The limit in bytes.
        most: u64,
    },
    /// The received data is not the published file.
    #[error("{url}: what arrived is not the published file: its {} is {found}, not {}", expected.kind(), expected.hex())]
    Content {
        /// The file's address.
        url: String,
        /// The hash of the received data.
        found: String,
        /// The published hash.
        expected: Hash,
    },
    /// The received data cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The callback requested cancellation.
    #[error("interrupted")]
    Cancelled,
}

fn refusal(status: u16) -> &'static str {
    match status {
        404 | 410 => "the server does not have the file",
        401 | 403 => "the server denies access to the file",
        429 | 500.. => "the server is overloaded or out of order; try again later",
        _ => "the server refuses the request",
    }
}

impl FetchError {
    /// What a caller can do about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoProgram { .. } => ErrorKind::Unsupported,
            Self::BadUrl { .. } => ErrorKind::InvalidInput,
            Self::Unreachable { .. } => ErrorKind::Io,
            Self::Refused { status: 404 | 410, .. } => ErrorKind::NotFound,
            Self::Refused { .. } => ErrorKind::Io,
            Self::Length { .. } | Self::Content { .. } => ErrorKind::InvalidData,
            Self::TooLong { .. } => ErrorKind::LimitExceeded,
            Self::File(error) => error.kind(),
            Self::Cancelled => ErrorKind::Interrupted,
        }
    }

    /// The file on this machine that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(error) => Some(&error.path),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let url = || "https://example.org/x".to_owned();
        let full = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        headstart_error::assert_kinds! { FetchError:
            FetchError::NoProgram { .. } => FetchError::NoProgram { url: url() }, Unsupported;
            FetchError::BadUrl { .. } => FetchError::BadUrl { url: url() }, InvalidInput;
            FetchError::Unreachable { .. } => FetchError::Unreachable { url: url(), reason: url(), received: 0 }, Io;
            FetchError::Refused { .. } => FetchError::Refused { url: url(), status: 404 }, NotFound;
            FetchError::Refused { .. } => FetchError::Refused { url: url(), status: 503 }, Io;
            FetchError::Length { .. } => FetchError::Length { url: url(), received: 1, expected: Size::Bytes(2) }, InvalidData;
            FetchError::TooLong { .. } => FetchError::TooLong { url: url(), most: 1 }, LimitExceeded;
            FetchError::Content { .. } => FetchError::Content { url: url(), found: url(), expected: Hash::Md5("00") }, InvalidData;
            FetchError::File(_) => FileError { action: "write", path: "x".into(), cause: full() }.into(), OutOfSpace;
            FetchError::Cancelled => FetchError::Cancelled, Interrupted;
        }
    }
}
