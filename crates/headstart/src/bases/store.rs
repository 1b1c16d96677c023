//! The folder of bases.
//!
//! Each base has a separate folder with the published file and `record.json`, which names the file and is written last.
//! A folder without a record is ignored.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use headstart_fetch::{Digests, Program, Slot, Step, digests};
use headstart_files::{AtomicFile, FileError};
use headstart_formats::MAX_FILE_SIZE;
use headstart_model::architectures::ARCHITECTURES;

use super::{Published, StoredBase};
use crate::{Base, BaseConfig, BaseError, Error};

/// The default folder of bases of this user, if the system defines one for application data.
pub fn default_bases() -> Option<PathBuf> {
    dirs::data_dir().map(|dir| dir.join("headstart").join("bases"))
}

/// A folder of downloaded or added bases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseStore {
    folder: PathBuf,
}

/// The result of verifying a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The file with the weights, or the record if it cannot be read.
    pub file: PathBuf,
    /// What is wrong with the file; `None` if it is intact.
    pub damage: Option<String>,
}

const RECORD: &str = "record.json";

impl BaseStore {
    /// The bases in a folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The weights of a base, if they are in the folder.
    ///
    /// # Errors
    /// When their record cannot be read.
    pub fn find(&self, base: &str) -> Result<Option<StoredBase>, Error> {
        // Only names of bases are accepted, so no path leads out of the folder.
        if !ARCHITECTURES.iter().any(|architecture| architecture.id == base) {
            return Ok(None);
        }
        let folder = self.folder.join(base);
        let path = folder.join(RECORD);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(FileError { action: "read", path, cause }.into()),
        };
        let damaged = |reason: String| BaseError::Damaged { file: path.clone(), reason };
        let mut stored: StoredBase =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let is_name = Path::new(&stored.file).file_name() == Some(stored.file.as_ref());
        if stored.base != base || !is_name {
            return Err(damaged("it is of another base".to_owned()).into());
        }
        stored.path = folder.join(&stored.file);
        Ok(Some(stored))
    }

    /// The names of all stored bases, in the order of the list of architectures, including those whose record cannot be
    /// read.
    pub fn names(&self) -> Vec<&'static str> {
        let names = ARCHITECTURES.iter().map(|architecture| architecture.id);
        names.filter(|name| self.folder.join(name).join(RECORD).is_file()).collect()
    }

    /// Downloads published weights unless they are stored and intact, and replaces others of the same base.
    ///
    /// Downloading stops when `watch` returns false; the next call resumes it. Returns the
    /// stored base, and whether it was stored before.
    ///
    /// # Errors
    /// When the weights cannot be downloaded, differ from what the publisher specifies, do not fit the base, or
    /// cannot be written.
    pub fn get(
        &self,
        published: &'static Published,
        mirror: Option<&str>,
        watch: &mut dyn FnMut(Step) -> bool,
    ) -> Result<(StoredBase, bool), Error> {
        let folder = self.make_folder(published.base)?;
        let to = folder.join(published.file());
        let failed = |cause| BaseError::Fetch { published, cause };
        let slot = Slot::take(&to, watch).map_err(failed)?;
        if let Some(there) = self.find(published.base)?.filter(|there| there.path == to) {
            let sound = digests(&to).is_ok_and(|found| found.sha256 == there.sha256);
            if sound {
                return Ok((there, true));
            }
        }
        let url = published.url_at(mirror);
        let program = Program::find();
        let most = MAX_FILE_SIZE;
        let arrived = slot
            .fetch(&url, &published.expected(), most, program.as_ref(), watch)
            .map_err(failed)?;
        fills(arrived.path(), Some(published.base)).map_err(|cause| BaseError::Unfit {
            published,
            url: url.clone(),
            cause: Box::new(cause),
        })?;
        // The lock must be held until the record names the file.
        let (digests, _slot) = arrived.keep()?;
        let stored = self.record(&to, published.base, &url, Some(published), digests)?;
        Ok((stored, false))
    }

    /// Copies a weight file into the folder, and replaces others of the same base. If `base` is `None`, it is
    /// the base that the weights fit.
    ///
    /// # Errors
    /// When the file cannot be read or copied, does not contain all weights of the base, or is a model of several
    /// bases.
    pub fn add(&self, file: &Path, base: Option<&str>) -> Result<StoredBase, Error> {
        let unread = |cause| FileError { action: "read", path: file.to_owned(), cause };
        let found = digests(file)?;
        let published =
            Published::of(&found).filter(|row| base.is_none_or(|base| base == row.base));
        let base = fills(file, base.or(published.map(|row| row.base)))?;
        let name = file.file_name().ok_or_else(|| unread(io::ErrorKind::InvalidInput.into()))?;
        let folder = self.make_folder(&base)?;
        let name = name.to_string_lossy();
        // A file with the name of the record would be overwritten by it.
        let name = if name == RECORD { "weights" } else { &name };
        let to = folder.join(name);
        let mut copy = AtomicFile::create(&to)?;
        let mut from = fs::File::open(file).map_err(unread)?;
        io::copy(&mut from, &mut copy).map_err(|cause| copy.error(cause))?;
        copy.commit()?;
        if digests(&to)? != found {
            let reason = "it changed while it was copied".to_owned();
            return Err(BaseError::Damaged { file: file.to_owned(), reason }.into());
        }
        let from = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        self.record(&to, &base, &from.display().to_string(), published, found)
    }

    /// Reads the weights of a base again and checks that they are unchanged, as published, and complete for the
    /// base.
    ///
    /// # Errors
    /// [`BaseError::NotStored`].
    pub fn verify(&self, base: &str) -> Result<Health, Error> {
        let stored = match self.find(base) {
            Ok(Some(stored)) => stored,
            Ok(None) => return Err(self.not_stored(base).into()),
            Err(error) => {
                let file = self.folder.join(base).join(RECORD);
                return Ok(Health { file, damage: Some(error.to_string()) });
            }
        };
        let damage = match digests(&stored.path) {
            Ok(found) if found.sha256 == stored.sha256 => {
                fills(&stored.path, Some(base)).err().map(|error| error.to_string())
            }
            Ok(found) => Some(format!("its SHA-256 is {}, not {}", found.sha256, stored.sha256)),
            Err(error) => Some(error.to_string()),
        };
        Ok(Health { file: stored.path, damage })
    }

    /// Removes the weights of a base, and returns the number of bytes freed.
    ///
    /// # Errors
    /// [`BaseError::NotStored`], and when they cannot be removed.
    pub fn remove(&self, base: &str) -> Result<u64, Error> {
        let folder = self.folder.join(base);
        if !(ARCHITECTURES.iter().any(|a| a.id == base) && folder.is_dir()) {
            return Err(self.not_stored(base).into());
        }
        let failed = |cause| FileError { action: "remove", path: folder.clone(), cause };
        // This includes files that no record names, such as a part of a download.
        let files = fs::read_dir(&folder).map_err(failed)?;
        let lengths = files.map(|file| Ok(file?.metadata()?.len()));
        let bytes = lengths.sum::<io::Result<u64>>().map_err(failed)?;
        // The record is removed first: without it the folder counts as empty.
        match fs::remove_file(folder.join(RECORD)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(error).into());
            }
            _ => {}
        }
        fs::remove_dir_all(&folder).map_err(failed)?;
        Ok(bytes)
    }

    fn not_stored(&self, base: &str) -> BaseError {
        BaseError::NotStored { name: base.to_owned(), folder: self.folder.clone() }
    }

    fn make_folder(&self, base: &str) -> Result<PathBuf, FileError> {
        let folder = self.folder.join(base);
        match fs::create_dir_all(&folder) {
            Ok(()) => Ok(folder),
            Err(cause) => Err(FileError { action: "write", path: folder, cause }),
        }
    }

    /// Writes the record of a file, and removes the file that it replaces.
    fn record(
        &self,
        path: &Path,
        base: &str,
        from: &str,
        published: Option<&Published>,
        digests: Digests,
    ) -> Result<StoredBase, Error> {
        let before = self.find(base).ok().flatten();
        let name = path.file_name().unwrap_or_default();
        let stored = StoredBase {
            base: base.to_owned(),
            file: name.to_string_lossy().into_owned(),
            bytes: digests.bytes,
            sha256: digests.sha256,
            publisher: published.map(|row| row.publisher.to_owned()),
            from: from.to_owned(),
            licence: published.map(|row| row.licence.to_owned()),
            is_checked: published.is_some_and(|row| row.hash.is_some()),
            path: path.to_owned(),
        };
        let mut file = AtomicFile::create(path.with_file_name(RECORD))?;
        let text = serde_json::to_vec_pretty(&stored).expect("plain data serialises");
        file.write_all(&text).map_err(|cause| file.error(cause))?;
        file.commit()?;
        if let Some(before) = before.filter(|before| before.path != path) {
            // The old file is no longer used, whether or not it can be removed.
            let _ = fs::remove_file(before.path);
        }
        Ok(stored)
    }
}

/// The base whose weights the file contains: `base` if given, otherwise the one that they fit.
fn fills(file: &Path, base: Option<&str>) -> Result<String, Error> {
    let config = BaseConfig::default().with_architecture(base.map(str::to_owned));
    let base = Base::from_file(file, &config)?;
    base.check_one("a folder of bases")?;
    Ok(base.network().architecture().to_owned())
}
