//! Where the bytes of a picture are.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::decode::{DecodeError, Limits, read_file};

/// Where the bytes of a picture are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Location {
    /// A file of its own.
    File(PathBuf),
}

impl Location {
    /// The path by which people know the picture.
    pub fn path(&self) -> Cow<'_, Path> {
        match self {
            Self::File(path) => Cow::Borrowed(path),
        }
    }

    /// Reads the picture's bytes.
    ///
    /// # Errors
    /// When they cannot be read, are too many, or begin like no picture.
    pub fn read(&self, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
        match self {
            Self::File(path) => read_file(path, limits),
        }
    }
}

impl AsRef<Location> for Location {
    fn as_ref(&self) -> &Location {
        self
    }
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Location {
    fn from(path: &P) -> Self {
        Self::File(path.as_ref().to_owned())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}
