//! Takes a folder for writing, or finds out why it cannot be written to.

use std::fs;
use std::io;
use std::path::Path;

use super::incoming;
use crate::StudioError;
use crate::folder::deed::History;
use crate::folder::journal::Journal;
use crate::folder::{JOURNAL, LOCK, Lock, OWN, TRASH};

/// Whether the project can be changed.
#[derive(Debug)]
pub(super) enum Writing {
    Able {
        journal: Journal,
        lock: Lock,
    },
    /// The reason why it cannot.
    Unable(String),
}

impl Writing {
    /// Takes a folder with its history. A folder that cannot be written to is opened read-only.
    ///
    /// # Errors
    /// If another studio has the folder open, or its journal cannot be read.
    pub(super) fn begin(root: &Path) -> Result<(Self, History), StudioError> {
        let taken = make_folders(root).and_then(|()| {
            let lock = Lock::take(root, &root.join(LOCK)).map_err(|error| refused(root, error))?;
            let (journal, history) = open_journal(root)?;
            Ok((journal, lock, history))
        });
        match taken {
            Ok((journal, lock, history)) => {
                incoming::clean(root, &journal);
                Ok((Self::Able { journal, lock }, history))
            }
            Err(StudioError::ReadOnly { why }) => {
                Ok((Self::Unable(why), Journal::history(root, &root.join(JOURNAL))?))
            }
            Err(error) => Err(error),
        }
    }
}

/// Creates the studio's own folders.
///
/// # Errors
/// [`StudioError::ReadOnly`] if they cannot be created; [`StudioError::Journal`] if one of the studio's own paths is a
/// link.
pub(super) fn make_folders(root: &Path) -> Result<(), StudioError> {
    for own in [OWN, TRASH, LOCK, JOURNAL] {
        let journal = root.join(own);
        // The studio must write only within the project, even if someone else made the folder.
        if journal.is_symlink() {
            let reason = "it is a link, which may lead anywhere".to_owned();
            return Err(StudioError::Journal { journal, reason });
        }
    }
    fs::create_dir_all(root.join(TRASH)).map_err(|cause| read_only(root, &cause))
}

/// # Errors
/// Those of [`Journal::open`]; [`StudioError::ReadOnly`] if the journal cannot be written to.
pub(super) fn open_journal(root: &Path) -> Result<(Journal, History), StudioError> {
    Journal::open(root, &root.join(JOURNAL)).map_err(|error| refused(root, error))
}

/// Converts an error to [`StudioError::ReadOnly`] if its cause is that nothing can be written.
pub(super) fn refused(root: &Path, error: StudioError) -> StudioError {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match &error {
        StudioError::Folder { cause, .. }
            if matches!(cause.kind(), PermissionDenied | ReadOnlyFilesystem) =>
        {
            read_only(root, cause)
        }
        _ => error,
    }
}

fn read_only(root: &Path, cause: &io::Error) -> StudioError {
    let reason = headstart::system_reason(cause);
    StudioError::ReadOnly {
        why: format!("nothing can be written to {} ({reason})", root.display()),
    }
}
