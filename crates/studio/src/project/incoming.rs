//! Incoming pictures: received into the trash, checked, and put into classes as one deed.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use headstart::data::decode::{SNIFF_BYTES, sniff};
use headstart::data::sources::list_source;
use headstart::data::{DecodeError, Limits};
use serde::Serialize;

use crate::StudioError;
use crate::folder::deed::Deed;
use crate::folder::journal::Journal;
use crate::folder::names::{free_path, new_class_name, new_file_name};
use crate::folder::{Listing, RECEIVED, Step, TRASH, within};
use crate::wording::pictures;

/// The limit on the bytes of all pictures in an archive.
const MOST_UNPACKED: u64 = 32 << 30;

/// Files on their way into the project. They are in a folder of the trash, which is removed when this is dropped unless
/// it is kept.
#[derive(Debug)]
pub(crate) struct Staging {
    folder: tempfile::TempDir,
    /// The class for all of them; if `None`, the names of the files decide.
    class: Option<String>,
    /// The number of files that were begun; files are named by number.
    begun: usize,
    received: Vec<Received>,
    skipped: Vec<SkippedFile>,
}

#[derive(Debug)]
struct Received {
    file: PathBuf,
    name: String,
    /// The class; the inbox when `None`.
    class: Option<String>,
}

/// A file that was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SkippedFile {
    pub(crate) name: String,
    pub(crate) reason: String,
}

/// The result of adding files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Added {
    pub(crate) pictures: usize,
    pub(crate) skipped: Vec<SkippedFile>,
    pub(crate) message: String,
}

impl Staging {
    /// Prepares for files that go to a class, or where their names specify if `None`.
    ///
    /// # Errors
    /// If nothing can be written, or the name is not valid for a class.
    pub(crate) fn new(root: &Path, class: Option<&str>) -> Result<Self, StudioError> {
        let class = class.map(new_class_name).transpose()?;
        let folder = tempfile::Builder::new().prefix(RECEIVED).tempdir_in(root.join(TRASH));
        let folder = folder.map_err(|cause| StudioError::system("add to", TRASH, plain(&cause)))?;
        Ok(Self { folder, class, begun: 0, received: Vec::new(), skipped: Vec::new() })
    }

    /// Creates a file to receive into.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub(crate) fn file(&mut self) -> io::Result<(File, PathBuf)> {
        let path = self.folder.path().join(self.begun.to_string());
        self.begun += 1;
        Ok((File::create(&path)?, path))
    }

    /// Takes a file that was received under a name, which may be a path. The file is a picture, or an archive of
    /// pictures; other files are skipped.
    ///
    /// # Errors
    /// If the system refuses to unpack it.
    pub(crate) fn take(&mut self, file: PathBuf, name: &str) -> Result<(), StudioError> {
        match what(&file) {
            Ok(Content::Picture) => {
                let class = self.class.clone().map_or_else(|| class_of(name), Ok);
                match (
                    new_file_name(name),
                    class.map(|class| Some(class).filter(|c| !c.is_empty())),
                ) {
                    (Some(name), Ok(class)) => self.received.push(Received { file, name, class }),
                    (None, _) => self.skip(name, "is hidden, or has no name", &file),
                    (_, Err(error)) => self.skip(name, &error.to_string(), &file),
                }
                Ok(())
            }
            Ok(Content::Archive) => {
                let unpacked = self.unpack(&file, name);
                let _ = fs::remove_file(&file);
                unpacked
            }
            Err(error) => {
                // Files that systems leave in folders are removed without mention; users do not expect to see them.
                match new_file_name(name) {
                    Some(_) => self.skip(name, &error.to_string(), &file),
                    None => drop(fs::remove_file(&file)),
                }
                Ok(())
            }
        }
    }

    /// Removes a file, and records that it was skipped.
    pub(crate) fn skip(&mut self, name: &str, reason: &str, file: &Path) {
        let _ = fs::remove_file(file);
        self.skipped.push(SkippedFile { name: name.to_owned(), reason: reason.to_owned() });
    }

    fn unpack(&mut self, archive: &Path, name: &str) -> Result<(), StudioError> {
        // Detects the kind of archive by content, since the file is named by number.
        let listing = match list_source(archive) {
            Ok(listing) => listing,
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.replace(&archive.display().to_string(), name);
                self.skipped.push(SkippedFile { name: name.to_owned(), reason });
                return Ok(());
            }
        };
        let inner =
            |path: &Path| path.strip_prefix(archive).unwrap_or(path).to_string_lossy().into_owned();
        for skipped in listing.skipped.iter().filter(|skipped| !skipped.is_no_picture()) {
            let (name, reason) = (inner(&skipped.path), skipped.reason.to_string());
            self.skipped.push(SkippedFile { name, reason });
        }
        let (limits, mut unpacked) = (Limits::default(), 0);
        for picture in listing.pictures {
            let own = inner(&picture.at.path());
            let class = match (&self.class, picture.label.as_deref()) {
                (Some(class), _) => Ok(Some(class.clone())),
                (None, Some(label)) => new_class_name(label).map(Some),
                (None, None) => Ok(None),
            };
            let bytes = picture.at.read(&limits).map_err(|error| error.to_string());
            let read = class.map_err(|error| error.to_string()).and_then(|class| {
                let name = new_file_name(&own).ok_or("has no name")?;
                Ok((bytes?, name, class))
            });
            match read {
                Ok((bytes, name, class)) => {
                    unpacked += bytes.len() as u64;
                    if unpacked > MOST_UNPACKED {
                        let reason =
                            format!("has more than {} GiB of pictures", MOST_UNPACKED >> 30);
                        return Err(StudioError::Request(reason));
                    }
                    let written = self.file().and_then(|(mut file, path)| {
                        file.write_all(&bytes)?;
                        Ok(path)
                    });
                    let file = written
                        .map_err(|cause| StudioError::system("unpack", name.as_str(), cause))?;
                    self.received.push(Received { file, name, class });
                }
                Err(reason) => self.skipped.push(SkippedFile { name: own, reason }),
            }
        }
        Ok(())
    }

    /// Syncs the received files to the disk, because the journal will claim that they exist.
    ///
    /// # Errors
    /// If the system fails to do so.
    pub(super) fn sync(&self) -> Result<(), StudioError> {
        let refused = |cause| StudioError::system("add", "what was received", cause);
        // All at once, since syncing thousands of files one by one takes minutes.
        #[cfg(target_os = "linux")]
        if !self.received.is_empty() {
            let folder = File::open(self.folder.path()).map_err(refused)?;
            rustix::fs::syncfs(folder).map_err(|error| refused(error.into()))?;
        }
        #[cfg(not(target_os = "linux"))]
        for Received { file, .. } in &self.received {
            let file = fs::OpenOptions::new().write(true).open(file).map_err(refused)?;
            file.sync_all().map_err(refused)?;
        }
        Ok(())
    }

    /// Keeps the folder, to which the files are moved back if adding is undone.
    pub(super) fn keep(self) {
        let _ = self.folder.keep();
    }

    /// The deed that moves the files to their places, and the result when it is done.
    ///
    /// # Errors
    /// [`StudioError::ClassExists`] if there is a file with the name of a class.
    pub(super) fn deed(
        &self,
        root: &Path,
        listing: &Listing,
        batch: Option<String>,
    ) -> Result<(Deed, Added), StudioError> {
        let Self { received, skipped, .. } = self;
        let (mut taken, mut made, mut steps) = (HashSet::new(), HashSet::new(), Vec::new());
        let mut classes = HashSet::new();
        for Received { file, name, class } in received {
            let target = match class {
                None => String::new(),
                Some(class) => {
                    classes.insert(class.clone());
                    match listing.class(class) {
                        Ok(class) => class.folders[0].clone(),
                        Err(_) => {
                            let folder = root.join(class);
                            if made.insert(class.clone()) && !folder.is_dir() {
                                // A dangling link exists, too.
                                if folder.symlink_metadata().is_ok() {
                                    return Err(StudioError::ClassExists { name: class.clone() });
                                }
                                steps.push(Step::Make { folder: class.clone() });
                            }
                            class.clone()
                        }
                    }
                }
            };
            let from = within(root, file).expect("it was received here, under a number");
            steps.push(Step::Move { from, to: free_path(root, &target, name, &mut taken) });
        }
        let count = pictures(received.len());
        let to = match (classes.len(), classes.iter().next()) {
            (0, _) => "the inbox".to_owned(),
            (1, Some(class)) => class.clone(),
            (n, _) => format!("{n} classes"),
        };
        let mut message = format!("{count} added to {to}");
        match skipped.len() {
            0 => {}
            1 => message += "; 1 file was skipped",
            n => message += &format!("; {n} files were skipped"),
        }
        let (title, pictures) = (format!("Add {{}} to {to}"), received.len());
        let deed = Deed { title, pictures: Some(pictures), batch, steps };
        Ok((deed, Added { pictures, skipped: skipped.clone(), message }))
    }
}

/// The kind of a file's contents.
enum Content {
    Picture,
    Archive,
}

/// # Errors
/// If it is neither.
fn what(file: &Path) -> Result<Content, DecodeError> {
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    File::open(file).and_then(|file| file.take(SNIFF_BYTES as u64).read_to_end(&mut head))?;
    match sniff(&head) {
        Ok(_) => Ok(Content::Picture),
        Err(_) if head.starts_with(b"PK\x03\x04") || head.get(257..262) == Some(b"ustar") => {
            Ok(Content::Archive)
        }
        Err(error) => Err(error),
    }
}

/// The class that a path specifies: for `ROOT/CLASS/…/picture` the second folder, for `CLASS/picture` the first. Empty
/// if the path has no folder.
fn class_of(name: &str) -> Result<String, StudioError> {
    let mut folders = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    let (first, second, third) = (folders.next(), folders.next(), folders.next());
    match (first, second, third) {
        (Some(first), Some(_), None) => new_class_name(first),
        (Some(_), Some(second), Some(_)) => new_class_name(second),
        _ => Ok(String::new()),
    }
}

/// The error of the system alone, without the name of a temporary file.
fn plain(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Removes the files that were being received when the program ended, which no deed has named. Does nothing if the
/// journal is empty: it may be a new one, while the trash has files that an older journal named.
pub(super) fn clean(root: &Path, journal: &Journal) {
    if journal.is_empty() {
        return;
    }
    let Ok(entries) = fs::read_dir(root.join(TRASH)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_left = name
            .to_str()
            .is_some_and(|name| name.starts_with(RECEIVED) && !journal.has_named(name));
        if is_left {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
