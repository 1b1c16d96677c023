//! Reasons why features are no longer cached.

use std::fmt;
use std::io;
use std::path::PathBuf;

use headstart_files::io_reason;

/// The reason why features are no longer cached although a cache was requested; displays as a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheWarning {
    /// The folder of the cache.
    pub root: PathBuf,
    /// The reason.
    pub reason: NotKept,
}

/// The reason why features cannot be cached.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotKept {
    /// The [limit](super::Limit) is reached, and everything is in use.
    LimitReached,
    /// The system's error message.
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
