//! Detects changes of model files.

use std::fs;
use std::time::SystemTime;

use super::Change;

/// Metadata that identifies the content of a file, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Device and inode, where the system has them.
    place: (u64, u64),
}

/// A file that is checked for changes periodically.
#[derive(Debug)]
pub(super) struct Watched {
    /// Stamp of the content that was loaded or refused last; `None` if the file was missing.
    known: Option<Stamp>,
    /// Stamp seen by the last check. While it differs from `known`, the file may still be being written to.
    seen: Option<Stamp>,
    /// What is wrong with the file.
    pub(super) problem: Option<String>,
}

impl Stamp {
    /// The stamp of a file; `None` if it does not exist.
    pub(super) fn of(path: &str) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let place = {
            use std::os::unix::fs::MetadataExt;
            (file.dev(), file.ino())
        };
        #[cfg(not(unix))]
        let place = (0, 0);
        Some(Self { bytes: file.len(), modified: file.modified().ok(), place })
    }
}

impl Watched {
    pub(super) fn new(known: Stamp) -> Self {
        Self { known: Some(known), seen: None, problem: None }
    }

    /// Whether the file has new content, with its stamp, or is gone (`Some(None)`).
    ///
    /// New content is reported only if the stamp was the same in the check before, so that the file does
    /// not seem to be in the middle of a write.
    #[allow(clippy::option_option)]
    pub(super) fn is_new(&mut self, stamp: Option<Stamp>) -> Option<Option<Stamp>> {
        let before = std::mem::replace(&mut self.seen, stamp);
        match stamp {
            _ if stamp == self.known => None,
            None => {
                self.known = None;
                Some(None)
            }
            Some(_) if before != stamp => None,
            Some(stamp) => Some(Some(stamp)),
        }
    }

    /// Records that the content has been handled, and that nothing is wrong with it.
    pub(super) fn take(&mut self, stamp: Stamp) {
        self.known = Some(stamp);
        self.problem = None;
    }

    /// Records a problem with the file.
    pub(super) fn keep(&mut self, problem: String) -> Change {
        self.problem = Some(problem.clone());
        Change::Kept(problem)
    }
}

/// The hash of a file's bytes.
pub(super) fn hash(path: &str) -> Option<blake3::Hash> {
    Some(blake3::hash(&fs::read(path).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_when_it_has_changed_and_is_no_longer_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("model");
        let path = path.to_str().expect("text");
        let write = |text: &str| fs::write(path, text).expect("room");
        write("one");
        let mut watched = Watched::new(Stamp::of(path).expect("a file"));
        let mut look = || watched.is_new(Stamp::of(path));
        assert_eq!(look(), None);
        write("three");
        assert_eq!(look(), None, "it may still be written to");
        write("fifteen");
        assert_eq!(look(), None, "it was");
        let stamp = Stamp::of(path);
        assert_eq!(look(), Some(stamp));
        watched.take(stamp.expect("a file"));
        let mut look = || watched.is_new(Stamp::of(path));
        assert_eq!(look(), None);
        fs::remove_file(path).expect("it is there");
        assert_eq!((look(), look()), (Some(None), None), "once");
        write("fifteen");
        assert_eq!((look(), look()), (None, Some(Stamp::of(path))));
    }
}
