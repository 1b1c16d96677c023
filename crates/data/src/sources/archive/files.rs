//! Archives' files, of which a process must not keep too many open.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most files that are kept open: a data set may have thousands of archives, and a process
/// may have a thousand files. Pictures are read in order, so that few are in use at a time.
const MOST: usize = 32;

/// What is open, what was used last at the end.
static OPEN: Mutex<Vec<(u64, Arc<File>)>> = Mutex::new(Vec::new());

/// A file that is opened when it is needed, and stays open while others are not needed more.
pub(super) struct Handle {
    id: u64,
    /// Its size when it was listed, in bytes.
    len: u64,
}

impl Handle {
    pub(super) fn new(len: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), len }
    }

    /// The file, which lies at `path`.
    ///
    /// # Errors
    /// When it cannot be opened, or is another one now.
    pub(super) fn open(&self, path: &Path) -> io::Result<Arc<File>> {
        if let Some(file) = self.in_use() {
            return Ok(file);
        }
        // Other threads go on meanwhile; that two of them may open the same file does no harm.
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
