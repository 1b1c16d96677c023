//! Errors of bases and their weights.

use std::path::{Path, PathBuf};

use headstart_error::ErrorKind;
use headstart_fetch::FetchError;

use crate::Published;

/// A base cannot be had, or is not the right one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// No weights of this base are bundled.
    #[error("{}", not_bundled(name, bundled))]
    NotBundled {
        /// The base.
        name: String,
        /// The bases whose weights are bundled.
        bundled: Vec<&'static str>,
    },
    /// No publisher of weights for this base is known.
    #[error("no address of weights of '{name}' is known")]
    NotPublished {
        /// The base.
        name: String,
    },
    /// Published weights cannot be downloaded.
    #[error("{cause}")]
    Fetch {
        /// The weights.
        published: &'static Published,
        /// The cause. It is part of the message and not a source, so that it is printed only once with a chain
        /// of errors.
        cause: FetchError,
    },
    /// What was downloaded are not the weights of the base.
    #[error("{url}: what arrived is not the published file of {}: {cause}", published.base)]
    Unfit {
        /// The weights.
        published: &'static Published,
        /// The address that was asked.
        url: String,
        /// The cause. It is part of the message and not a source, as in [`BaseError::Fetch`].
        cause: Box<crate::Error>,
    },
    /// No weights of this base are in the folder of bases.
    #[error("no weights of '{name}' are in {}", folder.display())]
    NotStored {
        /// The base.
        name: String,
        /// The folder.
        folder: PathBuf,
    },
    /// The record of a stored base is damaged, or a weight file changed while it was copied.
    #[error("{}: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The problem.
        reason: String,
    },
    /// The weight file fits no registered base.
    #[error("{}: fits none of the bases{}", file.display(), looks_like.as_ref().map_or(String::new(), |what| format!(" (it looks like {what})")))]
    UnknownWeights {
        /// The file.
        file: PathBuf,
        /// What the file seems to contain.
        looks_like: Option<String>,
    },
    /// The base of a headstart model is not the requested one.
    #[error("{}: {reason}", file.display())]
    Other {
        /// The file.
        file: PathBuf,
        /// The difference between its base and the requested one.
        reason: String,
    },
    /// An operation needs a single base, and several are joined.
    #[error("{what} takes one base, and {bases} are several")]
    Joined {
        /// The operation.
        what: &'static str,
        /// The names of the bases, joined.
        bases: String,
    },
}

fn not_bundled(name: &str, bundled: &[&str]) -> String {
    match bundled {
        [] => format!("no weights are bundled in this build, and so none of '{name}'"),
        _ => format!("no weights of '{name}' are bundled (bundled: {})", bundled.join(", ")),
    }
}

impl BaseError {
    /// What can be done about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotBundled { .. } | Self::NotPublished { .. } => ErrorKind::InvalidName,
            Self::Fetch { cause, .. } => cause.kind(),
            Self::Unfit { cause, .. } => cause.kind(),
            Self::NotStored { .. } => ErrorKind::NotFound,
            Self::Damaged { .. } | Self::UnknownWeights { .. } => ErrorKind::InvalidData,
            Self::Other { .. } | Self::Joined { .. } => ErrorKind::InvalidInput,
        }
    }

    /// The file or folder that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Fetch { cause, .. } => cause.path(),
            Self::NotStored { folder, .. } => Some(folder),
            Self::Damaged { file, .. }
            | Self::UnknownWeights { file, .. }
            | Self::Other { file, .. } => Some(file),
            Self::NotBundled { .. }
            | Self::NotPublished { .. }
            | Self::Unfit { .. }
            | Self::Joined { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let text = || "x".to_owned();
        let (file, folder) = (PathBuf::new, PathBuf::new);
        headstart_error::assert_kinds! { BaseError:
            BaseError::NotBundled { .. } => BaseError::NotBundled { name: text(), bundled: vec![] }, InvalidName;
            BaseError::NotPublished { .. } => BaseError::NotPublished { name: text() }, InvalidName;
            BaseError::Fetch { .. } => BaseError::Fetch { published: &crate::PUBLISHED[0], cause: FetchError::Cancelled }, Interrupted;
            BaseError::Unfit { .. } => BaseError::Unfit { published: &crate::PUBLISHED[0], url: text(), cause: Box::new(BaseError::Damaged { file: file(), reason: text() }.into()) }, InvalidData;
            BaseError::NotStored { .. } => BaseError::NotStored { name: text(), folder: folder() }, NotFound;
            BaseError::Damaged { .. } => BaseError::Damaged { file: file(), reason: text() }, InvalidData;
            BaseError::UnknownWeights { .. } => BaseError::UnknownWeights { file: file(), looks_like: None }, InvalidData;
            BaseError::Other { .. } => BaseError::Other { file: file(), reason: text() }, InvalidInput;
            BaseError::Joined { .. } => BaseError::Joined { what: "x", bases: text() }, InvalidInput;
        }
    }
}
