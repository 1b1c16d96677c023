//! Why features are not kept.

use std::fmt;
use std::io;
use std::path::PathBuf;

use headstart_files::io_reason;

/// Why features are not kept any more, though a cache was asked for; as text a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheWarning {
    /// The cache.
    pub root: PathBuf,
    /// What is in the way.
    pub reason: NotKept,
}

/// Why features cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotKept {
    /// The [limit](super::Limit) is reached, and all there is is in use.
    LimitReached,
    /// What the system said.
    Io(String),
}

impl From<io::Error> for NotKept {
    fn from(error: io::Error) -> Self {
        Self::Io(io_reason(&error))
    }
}

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitReached => f.write_str("the limit is reached"),
            Self::Io(reason) => f.write_str(reason),
        }
    }
}

impl fmt::Display for CacheWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (root, reason) = (self.root.display(), &self.reason);
        write!(
            f,
            "{root}: features cannot be kept ({reason}); the next run will compute them again"
        )
    }
}
