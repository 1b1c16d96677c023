//! Allows only one studio per folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Stamp;
use crate::StudioError;

/// A lock that a studio holds on its folder. The system releases it when the process ends for whatever reason.
#[derive(Debug)]
pub(crate) struct Lock {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    /// The address of the studio, if it has been set.
    address: Option<SocketAddr>,
}

impl Lock {
    /// Takes the lock on a folder. `path` is the lock file, which is created.
    ///
    /// # Errors
    /// [`StudioError::InUse`]; [`StudioError::Folder`] if the file cannot be created or locked.
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
                // The address that the last studio has left is outdated.
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
            // Some file systems do not support locks.
            Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => {
                Ok(taken(file))
            }
            Err(TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    /// Takes the lock again if someone has removed the file.
    ///
    /// # Errors
    /// Those of [`Lock::take`].
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

    /// Writes the address of this studio to the file, for anyone who opens another studio on the folder.
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
