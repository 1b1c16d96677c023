//! Identifies files without reading them.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Identifies a file without reading it, even after it has been moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stamp {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    /// The device and the inode, on systems that have them.
    place: (u64, u64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        #[cfg(unix)]
        let place = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let place = (0, 0);
        let modified = modified.map_or(0, |since| since.as_nanos() as u64);
        Self { bytes: metadata.len(), modified, place }
    }

    /// Whether a path still refers to an open file. On systems without inodes, whether the path exists.
    pub(super) fn is_same_place(file: &File, path: &Path) -> bool {
        let place = |metadata: io::Result<Metadata>| Some(Self::of(&metadata.ok()?).place);
        let own = place(file.metadata());
        own.is_some() && own == place(fs::metadata(path))
    }

    /// A tag for URLs, which changes when the file does.
    pub(crate) fn tag(&self) -> String {
        format!("{:x}-{:x}", self.modified, self.bytes)
    }
}
