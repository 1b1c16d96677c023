//! One studio a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::Path;

use crate::StudioError;

/// Held while a studio has the folder; the system lets go of it when the process ends, however it does.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes a folder; `file` is the lock's, which is made.
    ///
    /// # Errors
    /// [`StudioError::InUse`], and when there can be no such file.
    pub(crate) fn take(folder: &Path, file: &Path) -> Result<Self, StudioError> {
        let refused = |cause| StudioError::Folder { folder: folder.to_owned(), cause };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(file).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => {
                // What the last has left is nobody's address.
                file.set_len(0).map_err(refused)?;
                Ok(Self(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let address = file.read_to_string(&mut text).ok().and_then(|_| {
                    text.trim().parse::<SocketAddr>().ok().map(|address| address.to_string())
                });
                Err(StudioError::InUse { folder: folder.to_owned(), address })
            }
            // File systems without locks.
            Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => {
                Ok(Self(file))
            }
            Err(TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    /// Says where the studio listens, to whoever opens another.
    pub(crate) fn say(&mut self, address: SocketAddr) {
        let file = &mut self.0;
        let written = file.set_len(0).and_then(|()| file.rewind());
        let written = written.and_then(|()| write!(file, "{address}"));
        if let Err(error) = written.and_then(|()| file.flush()) {
            tracing::warn!(%error, "the lock does not say where the studio is");
        }
    }
}
