//! Where the bytes of a picture are.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::archive::Member;
use super::table::Row;
use crate::decode::{DecodeError, Limits, SNIFF_BYTES, read_file, sniff};

/// Where the bytes of a picture are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Location {
    /// A file of its own.
    File(PathBuf),
    /// A member of an archive.
    Member(Member),
    /// A row of a table.
    Row(Row),
}

impl Location {
    /// The path by which people know the picture: `ARCHIVE/NAME` in an archive,
    /// `TABLE/NAME` or `TABLE/ROW` in a table.
    pub fn path(&self) -> Cow<'_, Path> {
        match self {
            Self::File(path) => Cow::Borrowed(path),
            Self::Member(member) => Cow::Owned(member.path()),
            Self::Row(row) => Cow::Owned(row.path()),
        }
    }

    /// Reads the picture's bytes.
    ///
    /// # Errors
    /// When they cannot be read, are too many, or begin like no picture.
    pub fn read(&self, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
        match self {
            Self::File(path) => read_file(path, limits),
            Self::Member(member) => member.read(limits),
            Self::Row(row) => row.read(limits),
        }
    }
}

/// Reads what should be a picture, and stops early when it is none or more than may be.
pub(super) fn read_picture(bytes: impl Read, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    let limit = limits.max_file_bytes;
    let mut bytes = bytes.take(limit.saturating_add(1));
    let mut read = Vec::new();
    (&mut bytes).take(SNIFF_BYTES as u64).read_to_end(&mut read)?;
    sniff(&read)?;
    bytes.read_to_end(&mut read)?;
    match read.len() as u64 {
        bytes if bytes > limit => Err(DecodeError::FileTooLarge { bytes, limit }),
        _ => Ok(read),
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

impl From<Member> for Location {
    fn from(member: Member) -> Self {
        Self::Member(member)
    }
}

impl From<Row> for Location {
    fn from(row: Row) -> Self {
        Self::Row(row)
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
