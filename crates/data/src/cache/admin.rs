use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::about::About;
use super::files::{self, namespaces, own_files, remove, remove_segment, segments, used};
use super::segment::keys;
use super::{Fingerprint, Key};

/// The contents of a cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheInfo {
    /// The contents for each base, most recently used first.
    pub bases: Vec<BaseInfo>,
    /// Number of pictures for all bases.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The contents of a cache for one base with its preprocessing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseInfo {
    /// Names the namespace.
    pub fingerprint: Fingerprint,
    /// Its description, if known.
    pub about: Option<About>,
    /// Number of distinct pictures.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The time when a process last added to it or first read from it.
    pub used: SystemTime,
}

/// Counts the contents of the cache at `root`; all zero if there is none.
///
/// # Errors
/// When a folder of the cache cannot be listed.
pub fn info(root: &Path) -> io::Result<CacheInfo> {
    let mut info = CacheInfo::default();
    for folder in namespaces(root)? {
        let bytes = files::bytes(&folder)?;
        info.bytes += bytes;
        let segments = segments(&folder);
        let (Some(used), Some(fingerprint)) =
            (segments.iter().map(|s| used(s)).max(), Fingerprint::of_folder(&folder))
        else {
            continue;
        };
        // Two processes may have computed the same picture.
        let pictures: HashSet<Key> = segments.iter().flat_map(|segment| keys(segment)).collect();
        let entries = pictures.len() as u64;
        info.entries += entries;
        let about = About::read(&folder);
        info.bases.push(BaseInfo { fingerprint, about, entries, bytes, used });
    }
    info.bases.sort_by_key(|base| std::cmp::Reverse(base.used));
    Ok(info)
}

/// Deletes the cache at `root` and returns the number of bytes freed.
///
/// Only files written by the cache, recognised by name and content, are deleted, then empty folders. It does not
/// disturb a process that is writing.
///
/// # Errors
/// When a folder cannot be listed or a file cannot be deleted.
pub fn clear(root: &Path) -> io::Result<u64> {
    let mut freed = 0;
    for folder in namespaces(root)? {
        for segment in segments(&folder) {
            freed += remove_segment(&segment)?;
        }
        for file in own_files(&folder)? {
            freed += remove(&file)?;
        }
        // Fails, as it should, if it contains anything else.
        let _ = fs::remove_dir(&folder);
    }
    let _ = fs::remove_dir(root);
    Ok(freed)
}
