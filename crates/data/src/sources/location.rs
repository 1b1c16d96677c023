//! Location of a picture's bytes.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use super::Provided;
use super::archive::Member;
#[cfg(feature = "parquet")]
use super::table::Row;
use crate::decode::{DecodeError, Limits, read_file_with};

/// The location of a picture's bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Location {
    /// A separate file.
    File(PathBuf),
    /// A member of an archive.
    Member(Member),
    /// A row of a table.
    #[cfg(feature = "parquet")]
    Row(Row),
    /// A picture supplied by the program.
    Provided(Provided),
}

impl Location {
    /// The picture's path for display: `ARCHIVE/NAME` in an archive, `TABLE/NAME` or `TABLE/ROW` in a table.
    pub fn path(&self) -> Cow<'_, Path> {
        match self {
            Self::File(path) => Cow::Borrowed(path),
            Self::Member(member) => Cow::Owned(member.path()),
            #[cfg(feature = "parquet")]
            Self::Row(row) => Cow::Owned(row.path()),
            Self::Provided(picture) => Cow::Borrowed(picture.name()),
        }
    }

    /// Reads the picture's bytes.
    ///
    /// # Errors
    /// When they cannot be read, are too many, or do not start like a picture.
    pub fn read(&self, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
        Ok(self.read_with(limits, &mut |_| true)?.expect("there is room"))
    }

    /// [`Location::read`] with limited memory: before each allocation, `room` receives the total number of bytes needed
    /// and returns whether they are available; its first call may wait for them. `None` if it refuses.
    ///
    /// # Errors
    /// As for [`Location::read`].
    pub fn read_with(
        &self,
        limits: &Limits,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        match self {
            Self::File(path) => read_file_with(path, limits, room),
            Self::Member(member) => member.read(limits, room),
            #[cfg(feature = "parquet")]
            Self::Row(row) => row.read(limits, room),
            Self::Provided(picture) => picture.read(limits, room),
        }
    }
}

/// The identity of a picture, which also defines an order.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key<'a> {
    File(&'a Path),
    Member((&'a Path, &'a [u8])),
    #[cfg(feature = "parquet")]
    Row((&'a Path, u64)),
    Provided(&'a Path),
}

impl Location {
    fn key(&self) -> Key<'_> {
        match self {
            Self::File(path) => Key::File(path),
            Self::Member(member) => Key::Member(member.key()),
            #[cfg(feature = "parquet")]
            Self::Row(row) => Key::Row(row.key()),
            Self::Provided(picture) => Key::Provided(picture.name()),
        }
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Location {}

impl PartialOrd for Location {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Location {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Location {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
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

#[cfg(feature = "parquet")]
impl From<Row> for Location {
    fn from(row: Row) -> Self {
        Self::Row(row)
    }
}

impl From<Provided> for Location {
    fn from(picture: Provided) -> Self {
        Self::Provided(picture)
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
