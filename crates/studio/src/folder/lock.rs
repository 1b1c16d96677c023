//! One studio a folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Stamp;
use crate::StudioError;

/// Held while a studio has the folder; the system lets go of it when the process ends, however it does.
#[derive(Debug)]
pub(crate) struct Lock {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    /// Where the studio listens, if that was said.
    address: Option<SocketAddr>,
}

impl Lock {
    /// Takes a folder; the file is the lock's, which is made.
    ///
    /// # Errors
    /// [`StudioError::InUse`], and when there can be no such file.
    pub(crate) fn take(folder: &Path, path: &Path) -> Result<Self, StudioError> {
        let refused = |cause| StudioError::Folder { folder: folder.to_owned(), cause };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(refused)?;
        let taken = |file| {
            let (folder, path) = (folder.to_owned(), path.to_owned());
            Self { folder, path, file, address: None }
        };
        match file.try_lock() {
            Ok(()) => {
                // What the last has left is nobody's address.
                file.set_len(0).map_err(refused)?;
                Ok(taken(file))
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
                Ok(taken(file))
            }
            Err(TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    /// Takes the folder anew where somebody has taken the file away.
    ///
    /// # Errors
    /// As [`Lock::take`].
    pub(crate) fn renew(&mut self) -> Result<(), StudioError> {
        if Stamp::is_same_place(&self.file, &self.path) {
            return Ok(());
        }
        let address = self.address;
        *self = Self::take(&self.folder, &self.path)?;
        if let Some(address) = address {
            self.say(address);
        }
        Ok(())
    }

    /// Says where the studio listens, to whoever opens another.
    pub(crate) fn say(&mut self, address: SocketAddr) {
        self.address = Some(address);
        let file = &mut self.file;
        let written = file.set_len(0).and_then(|()| file.rewind());
        let written = written.and_then(|()| write!(file, "{address}"));
        if let Err(error) = written.and_then(|()| file.flush()) {
            tracing::warn!(%error, "the lock does not say where the studio is");
        }
    }
}
