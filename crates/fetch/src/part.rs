//! A file that is being downloaded: the part received so far, and the lock on its destination.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use headstart_files::FileError;

use crate::program::{End, Program};
use crate::transfer::{self, Stop};
use crate::{Digests, Expected, FetchError, Step, digests};

/// An exclusive claim on a destination, so that no other process fetches the file at the same time.
#[derive(Debug)]
pub struct Slot {
    to: PathBuf,
    part: PathBuf,
    /// The operating system releases the lock when the process ends for any reason.
    _lock: File,
}

/// A file that was received and checked, but still has the name of a part. Dropping it deletes it.
#[derive(Debug)]
pub struct Arrived {
    /// `None` once the file is kept.
    slot: Option<Slot>,
    digests: Digests,
}

/// Attempts without progress before giving up, if an earlier attempt received data.
const TRIES: usize = 3;
/// Pause before reconnecting.
const PAUSE: Duration = Duration::from_millis(500);
/// Interval between calls of the callback while waiting.
const PATIENCE: Duration = Duration::from_millis(50);

impl Slot {
    /// Claims the destination `to`, whose folder must exist. If another process has claimed it, waits until that
    /// process is done or `watch` returns false. The file may exist afterwards.
    ///
    /// # Errors
    /// [`FetchError::Cancelled`], and [`FetchError::File`] if nothing can be written there.
    pub fn take(to: &Path, watch: &mut dyn FnMut(Step) -> bool) -> Result<Self, FetchError> {
        let path = beside(to, ".lock");
        let failed = |cause| FileError { action: "write", path: path.clone(), cause };
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    if !watch(Step::Waiting) {
                        return Err(FetchError::Cancelled);
                    }
                    thread::sleep(PATIENCE);
                }
                // Some file systems have no locks.
                Err(TryLockError::Error(cause)) if cause.kind() == io::ErrorKind::Unsupported => {
                    break;
                }
                Err(TryLockError::Error(cause)) => return Err(failed(cause).into()),
            }
        }
        Ok(Self { to: to.to_owned(), part: beside(to, ".part"), _lock: file })
    }

    /// Fetches the file from `url` and checks it.
    ///
    /// Continues from the part received earlier, if any. A broken connection is restored as long as data arrives. If
    /// `watch` returns false, fetching stops, and the data received is kept for the next attempt.
    ///
    /// # Errors
    /// If the file cannot be fetched, is not the published one, or has more than `most` bytes.
    pub fn fetch(
        self,
        url: &str,
        expected: &Expected,
        most: u64,
        program: Option<&Program>,
        watch: &mut dyn FnMut(Step) -> bool,
    ) -> Result<Arrived, FetchError> {
        let named = || url.to_owned();
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(FetchError::BadUrl { url: named() });
        }
        let program = program.ok_or_else(|| FetchError::NoProgram { url: named() })?;
        let had = self.length();
        self.transfer(url, program, most, watch)?;
        let digests = match self.check(url, expected) {
            // The earlier part belonged to another file, or was damaged.
            Err(FetchError::Length { .. } | FetchError::Content { .. }) if had > 0 => {
                self.transfer(url, program, most, watch)?;
                self.check(url, expected)
            }
            checked => checked,
        }?;
        Ok(Arrived { slot: Some(self), digests })
    }

    /// The number of bytes received.
    fn length(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |metadata| metadata.len())
    }

    fn transfer(
        &self,
        url: &str,
        program: &Program,
        most: u64,
        watch: &mut dyn FnMut(Step) -> bool,
    ) -> Result<(), FetchError> {
        let failed =
            |cause| FetchError::File(FileError { action: "write", path: self.part.clone(), cause });
        let open = || OpenOptions::new().append(true).create(true).open(&self.part).map_err(failed);
        let mut file = open()?;
        if self.length() > 0 && !program.resumes() {
            file.set_len(0).map_err(failed)?;
        }
        let mut fruitless = 0;
        // Most bytes received in any attempt: one that starts again must get further to count as progress.
        let mut most_received = self.length();
        loop {
            let offset = self.length();
            let mut count = |received| watch(Step::Received(received));
            let ended = transfer::run(program, (url, offset), &mut file, most, &mut count);
            let (end, received) = ended.map_err(|stop| match stop {
                Stop::Cancelled => FetchError::Cancelled,
                Stop::TooLong => {
                    let _ = fs::remove_file(&self.part);
                    FetchError::TooLong { url: url.to_owned(), most }
                }
                Stop::Write(cause) => failed(cause),
            })?;
            fruitless = if received > most_received { 0 } else { fruitless + 1 };
            most_received = most_received.max(received);
            let is_over = fruitless >= TRIES || (received == 0 && fruitless > 0);
            match end {
                End::Whole => {
                    return file.sync_all().map_err(failed);
                }
                End::FromTheStart if offset > 0 => {
                    file.set_len(0).map_err(failed)?;
                    continue;
                }
                // The server may be overloaded only temporarily.
                End::Status(429 | 500..) if !is_over => {}
                End::Status(status) => {
                    return Err(FetchError::Refused { url: url.to_owned(), status });
                }
                End::Broken(_) if !is_over => {}
                End::Broken(reason) => {
                    return Err(FetchError::Unreachable { url: url.to_owned(), reason, received });
                }
                End::FromTheStart => {
                    let reason = "the server answers as if asked for a part of it".to_owned();
                    return Err(FetchError::Unreachable { url: url.to_owned(), reason, received });
                }
            }
            if !program.resumes() {
                file.set_len(0).map_err(failed)?;
            }
            let mut waited = Duration::ZERO;
            while waited < PAUSE {
                if !watch(Step::Again(received)) {
                    return Err(FetchError::Cancelled);
                }
                thread::sleep(PATIENCE);
                waited += PATIENCE;
            }
        }
    }

    /// The digests of the part. A part that is not the published file is deleted.
    fn check(&self, url: &str, expected: &Expected) -> Result<Digests, FetchError> {
        let digests = digests(&self.part)?;
        let (url, received) = (url.to_owned(), digests.bytes);
        let error = match (expected.size, expected.hash) {
            (Some(size), _) if !size.is_of(received) => {
                FetchError::Length { url, received, expected: size }
            }
            (_, Some(hash)) if !hash.is_of(&digests) => {
                FetchError::Content { url, found: digests.of(&hash).to_owned(), expected: hash }
            }
            _ => return Ok(digests),
        };
        let _ = fs::remove_file(&self.part);
        Err(error)
    }
}

impl Arrived {
    /// The path of the file until it is kept.
    pub fn path(&self) -> &Path {
        &self.slot.as_ref().expect("it is not kept yet").part
    }

    /// Its digests.
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Moves the file to its destination. The destination stays claimed until the slot is dropped, so that the caller
    /// can write more before another process looks.
    ///
    /// # Errors
    /// [`FileError`], naming the destination.
    pub fn keep(mut self) -> Result<(Digests, Slot), FileError> {
        let Slot { to, .. } = self.slot.as_ref().expect("it is not kept yet");
        fs::rename(self.path(), to).map_err(|cause| FileError {
            action: "write",
            path: to.clone(),
            cause,
        })?;
        // Makes the new name durable too; not every file system supports this.
        #[cfg(unix)]
        let _ = File::open(to.parent().unwrap_or(Path::new("."))).and_then(|dir| dir.sync_all());
        let slot = self.slot.take().expect("it is not kept yet");
        Ok((self.digests.clone(), slot))
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        if let Some(slot) = &self.slot {
            let _ = fs::remove_file(&slot.part);
        }
    }
}

/// `folder/.name.ending` for `folder/name`.
fn beside(to: &Path, ending: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(ending);
    to.with_file_name(name)
}
