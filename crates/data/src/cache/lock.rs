//! Locks on the files of a namespace.
//!
//! Both are locks of the operating system, which releases those of a killed process.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The name of a namespace's lock file.
pub(super) const LOCK: &str = "writers.lock";

/// A lock on a namespace, until it is dropped or its process ends.
///
/// Writing processes hold it shared; a process that merges or repairs holds it exclusively. So no process writes to a
/// segment that is being rewritten, and only one process rewrites. If the file system does not support locks, nothing
/// is merged or repaired.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Acquires the writer's lock. Waits for a merge to end; `None` if locks are not supported.
    pub(super) fn to_write(folder: &Path) -> Option<Self> {
        let file = Self::file(folder).ok()?;
        file.lock_shared().ok()?;
        Some(Self { _file: file })
    }

    /// Acquires the lock for merging; `None` while another process writes or merges, and if locks are not supported.
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

/// A mark on a segment that is being written: a locked file beside it, deleted by the writer. (A lock on the segment
/// itself would prevent reading on some systems.)
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    _file: File,
}

impl Mark {
    /// The extension of its name.
    pub(super) const ENDING: &str = "lock";

    /// Marks a segment, given by either of its files. If locks are not supported, the file alone is the mark.
    pub(super) fn new(segment: &Path) -> io::Result<Self> {
        let path = segment.with_extension(Self::ENDING);
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let _ = file.lock();
        Ok(Self { path, _file: file })
    }

    /// Whether a segment is being written, as far as is known.
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
