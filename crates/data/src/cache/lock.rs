//! Who may do what to the files of a namespace.
//!
//! Both locks are the operating system's: it frees those of a process that was killed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The name of a namespace's lock file.
pub(super) const LOCK: &str = "writers.lock";

/// A lock on a namespace, until it is dropped or its process ends.
///
/// A process that is writing holds it shared, and whoever merges or repairs holds it alone. So
/// nobody writes to a segment that is written anew, and only one process does so. Where the file
/// system knows no locks, nothing is merged and nothing repaired.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// The lock of a writer. Waits for a merge to end; `None` where there are no locks.
    pub(super) fn to_write(folder: &Path) -> Option<Self> {
        let file = Self::file(folder).ok()?;
        file.lock_shared().ok()?;
        Some(Self { _file: file })
    }

    /// The lock to merge; `None` while a process writes or merges, and where there are no locks.
    pub(super) fn to_merge(folder: &Path) -> Option<Self> {
        let file = Self::file(folder).ok()?;
        file.try_lock().ok()?;
        Some(Self { _file: file })
    }

    fn file(folder: &Path) -> io::Result<File> {
        let path = folder.join(LOCK);
        OpenOptions::new().read(true).append(true).create(true).open(path)
    }
}

/// The mark of a segment that is being written: a file of its own beside it, locked, that goes with
/// the writer. (Not a lock on the segment: on some systems nobody could read it.)
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    _file: File,
}

impl Mark {
    /// The ending of its name.
    pub(super) const ENDING: &str = "lock";

    /// Marks a segment, by either of its files. Where there are no locks, the file alone does.
    pub(super) fn new(segment: &Path) -> io::Result<Self> {
        let path = segment.with_extension(Self::ENDING);
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let _ = file.lock();
        Ok(Self { path, _file: file })
    }

    /// Whether a segment is being written, as far as can be told.
    pub(super) fn is_on(segment: &Path) -> bool {
        match File::open(segment.with_extension(Self::ENDING)) {
            Ok(file) => matches!(
                file.try_lock_shared(),
                Err(TryLockError::WouldBlock | TryLockError::Error(_))
            ),
            Err(e) => e.kind() != io::ErrorKind::NotFound,
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
