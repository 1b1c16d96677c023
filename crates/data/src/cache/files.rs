//! The files of a cache, and how to recognise them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::Fingerprint;
use super::about::About;
use super::format::{MAGIC, UNFINISHED};
use super::lock::{LOCK, Mark};

/// The folders in `root` whose names are fingerprints.
pub(super) fn namespaces(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = list(root)?;
    folders.retain(|path| Fingerprint::of_folder(path).is_some() && path.is_dir());
    folders.sort_unstable();
    Ok(folders)
}

/// The `.keys` files of a namespace, ordered by name.
pub(super) fn segments(folder: &Path) -> BTreeSet<PathBuf> {
    let files = own_files(folder).unwrap_or_default();
    files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "keys")).collect()
}

/// The files in a namespace's folder that the cache wrote, recognised by name and content.
pub(super) fn own_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let own = |path: &PathBuf| {
        if path.file_name().is_some_and(|name| name == About::FILE) {
            return About::read(folder).is_some();
        }
        let ending = path.extension().and_then(|e| e.to_str());
        let known = matches!(ending, Some("keys" | "data" | UNFINISHED | Mark::ENDING));
        known && (named_as_a_segment(path) || begins_with_magic(path))
    };
    let mut files = list(folder)?;
    files.retain(own);
    Ok(files)
}

/// The disk usage of a namespace, in bytes.
pub(super) fn bytes(folder: &Path) -> io::Result<u64> {
    Ok(own_files(folder)?.iter().map(|file| size(file)).sum())
}

/// Whether a file has the name of a segment; its content may be damaged.
fn named_as_a_segment(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    let hex = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_hexdigit());
    stem.split('-').count() == 3 && stem.split('-').all(hex)
        || path.file_name().is_some_and(|name| name == LOCK)
}

/// Whether a file starts with the cache's magic bytes, or is a truncated prefix of them.
fn begins_with_magic(path: &Path) -> bool {
    let mut head = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    read.is_ok() && MAGIC.starts_with(&head)
}

/// Lists a folder; a missing one counts as empty.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|e| e.path())).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// The size of a file in bytes; 0 if it no longer exists.
pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// The time when a segment, given by either of its files, was last used: the modification time of its features, which
/// [`set_used`] sets.
pub(super) fn used(segment: &Path) -> SystemTime {
    let time = fs::metadata(segment.with_extension("data")).and_then(|m| m.modified());
    time.unwrap_or(UNIX_EPOCH)
}

/// Records the last use of a segment. If that fails, it looks older than it is.
pub(super) fn set_used(segment: &Path, time: SystemTime) {
    let file = File::options().append(true).open(segment.with_extension("data"));
    let _ = file.and_then(|file| file.set_modified(time));
}

/// Deletes a segment, given by either of its files, and returns the number of bytes freed.
///
/// The features are deleted first, so that what remains if the process is killed does not look like a segment.
pub(super) fn remove_segment(segment: &Path) -> io::Result<u64> {
    let mut freed = 0;
    for ending in ["data", "keys", Mark::ENDING] {
        freed += remove(&segment.with_extension(ending))?;
    }
    Ok(freed)
}

/// Deletes a file, if it exists, and returns the number of bytes freed.
pub(super) fn remove(file: &Path) -> io::Result<u64> {
    let bytes = size(file);
    match fs::remove_file(file) {
        Ok(()) => Ok(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(e),
    }
}
