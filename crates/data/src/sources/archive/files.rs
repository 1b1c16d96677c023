//! Archives' files, only a limited number of which stay open.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of open files: a data set may have thousands of archives, but a process about a thousand files.
/// Pictures are read in order, so few files are in use at a time.
const MOST: usize = 32;

/// The open files, most recently used last.
static OPEN: Mutex<Vec<(u64, Arc<File>)>> = Mutex::new(Vec::new());

/// A file that is opened on demand, and stays open until others are used more.
pub(super) struct Handle {
    id: u64,
    /// Its size in bytes when it was listed.
    len: u64,
}

impl Handle {
    pub(super) fn new(len: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), len }
    }

    /// Opens the file, which is at `path`.
    ///
    /// # Errors
    /// When it cannot be opened, or has been replaced.
    pub(super) fn open(&self, path: &Path) -> io::Result<Arc<File>> {
        if let Some(file) = self.in_use() {
            return Ok(file);
        }
        // Other threads proceed meanwhile; it is harmless if two of them open the same file.
        let file = Arc::new(File::open(path)?);
        if file.metadata()?.len() != self.len {
            return Err(io::Error::other("the archive has changed since it was listed"));
        }
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST {
            open.remove(0);
        }
        open.push((self.id, file.clone()));
        Ok(file)
    }

    fn in_use(&self) -> Option<Arc<File>> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().rposition(|(id, _)| *id == self.id)?;
        open[at..].rotate_left(1);
        open.last().map(|(_, file)| file.clone())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(id, _)| *id != self.id);
    }
}
