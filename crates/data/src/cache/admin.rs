use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::Key;
use super::merge::LOCK;
use super::segment::{MAGIC, UNFINISHED, keys};

/// How much a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheInfo {
    /// Pairs of base weights and preprocessing.
    pub namespaces: usize,
    /// Different pictures of each namespace.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Counts what the cache at `root` holds; nothing when there is none.
///
/// # Errors
/// When a folder of the cache cannot be listed.
pub fn info(root: &Path) -> io::Result<CacheInfo> {
    let mut info = CacheInfo::default();
    for folder in namespaces(root)? {
        let files = own_files(&folder)?;
        info.namespaces += usize::from(!files.is_empty());
        // Two processes may have computed the same picture.
        let mut pictures: HashSet<Key> = HashSet::new();
        for file in files {
            info.bytes += fs::metadata(&file).map_or(0, |m| m.len());
            if file.extension().is_some_and(|e| e == "keys") {
                pictures.extend(keys(&file));
            }
        }
        info.entries += pictures.len() as u64;
    }
    Ok(info)
}

/// Deletes the cache at `root` and returns how many bytes that freed.
///
/// Only what the cache wrote is deleted, told by name and content; folders that are empty
/// then go too. A process that is writing goes on without harm.
///
/// # Errors
/// When a folder cannot be listed or a file cannot be deleted.
pub fn clear(root: &Path) -> io::Result<u64> {
    let mut freed = 0;
    for folder in namespaces(root)? {
        for file in own_files(&folder)? {
            let bytes = fs::metadata(&file).map_or(0, |m| m.len());
            match fs::remove_file(&file) {
                Ok(()) => freed += bytes,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        // Fails where something else lies in it, and should.
        let _ = fs::remove_dir(&folder);
    }
    let _ = fs::remove_dir(root);
    Ok(freed)
}

/// The `.keys` files of a namespace, in the order of their names.
pub(super) fn segments(folder: &Path) -> BTreeSet<PathBuf> {
    let files = own_files(folder).unwrap_or_default();
    files.into_iter().filter(|file| file.extension().is_some_and(|e| e == "keys")).collect()
}

/// The folders below `root` that are named by a fingerprint.
fn namespaces(root: &Path) -> io::Result<Vec<PathBuf>> {
    let named = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        name.len() == 64
            && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && path.is_dir()
    };
    Ok(list(root)?.into_iter().filter(named).collect())
}

pub(super) fn own_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let own = |path: &PathBuf| {
        let known = path.extension().is_some_and(|e| e == "keys" || e == "data" || e == UNFINISHED)
            || path.file_name().is_some_and(|name| name == LOCK);
        known && begins_with_magic(path)
    };
    Ok(list(folder)?.into_iter().filter(own).collect())
}

/// Whether a file begins as the cache's do, or ends within that beginning.
fn begins_with_magic(path: &Path) -> bool {
    let mut head = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    read.is_ok() && MAGIC.starts_with(&head)
}

/// A missing folder is an empty one.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|e| e.path())).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}
