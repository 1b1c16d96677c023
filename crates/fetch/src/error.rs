//! Why a file could not be fetched.

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
        /// The file.
        url: String,
    },
    /// The address is none of the web's.
    #[error("{url}: is not an address that begins with https:// or http://")]
    BadUrl {
        /// The address.
        url: String,
    },
    /// The server cannot be reached, or the connection broke and could not be made again.
    #[error("{url}: cannot be fetched ({reason})")]
    Unreachable {
        /// The file.
        url: String,
        /// What the program said.
        reason: String,
        /// Bytes that are there; the next try goes on from them.
        received: u64,
    },
    /// The server answers, and does not have the file.
    #[error("{url}: the server does not have the file (status {status})")]
    Refused {
        /// The file.
        url: String,
        /// HTTP's status.
        status: u16,
    },
    /// What arrived is not as long as the published file.
    #[error("{url}: {received} bytes arrived, but the published file has {expected}")]
    Length {
        /// The file.
        url: String,
        /// Bytes that arrived.
        received: u64,
        /// What its publisher says.
        expected: Size,
    },
    /// What arrived is longer than any file that is wanted.
    #[error("{url}: is larger than {most} bytes")]
    TooLong {
        /// The file.
        url: String,
        /// The limit.
        most: u64,
    },
    /// What arrived is not the published file.
    #[error("{url}: what arrived is not the published file: its {} is {found}, not {}", expected.kind(), expected.hex())]
    Content {
        /// The file.
        url: String,
        /// The hash of what arrived.
        found: String,
        /// What its publisher says.
        expected: Hash,
    },
    /// The system does not write what arrives.
    #[error(transparent)]
    File(#[from] FileError),
    /// Whoever watches wanted no more.
    #[error("interrupted")]
    Cancelled,
}

impl FetchError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoProgram { .. } => ErrorKind::Unsupported,
            Self::BadUrl { .. } => ErrorKind::InvalidInput,
            Self::Unreachable { .. } => ErrorKind::Io,
            Self::Refused { .. } => ErrorKind::NotFound,
            Self::Length { .. } | Self::Content { .. } => ErrorKind::InvalidData,
            Self::TooLong { .. } => ErrorKind::LimitExceeded,
            Self::File(error) => error.kind(),
            Self::Cancelled => ErrorKind::Interrupted,
        }
    }

    /// The file on this machine that it is about.
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
            FetchError::Length { .. } => FetchError::Length { url: url(), received: 1, expected: Size::Bytes(2) }, InvalidData;
            FetchError::TooLong { .. } => FetchError::TooLong { url: url(), most: 1 }, LimitExceeded;
            FetchError::Content { .. } => FetchError::Content { url: url(), found: url(), expected: Hash::Md5("00") }, InvalidData;
            FetchError::File(_) => FileError { action: "write", path: "x".into(), cause: full() }.into(), OutOfSpace;
            FetchError::Cancelled => FetchError::Cancelled, Interrupted;
        }
    }
}
