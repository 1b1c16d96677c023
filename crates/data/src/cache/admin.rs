use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::about::About;
use super::files::{self, namespaces, own_files, remove, remove_segment, segments, used};
use super::segment::keys;
use super::{Fingerprint, Key};

/// How much a cache holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheInfo {
    /// What it holds of each base, in the order of last use, the latest first.
    pub bases: Vec<BaseInfo>,
    /// Pictures of all bases.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// How much a cache holds of one base with its preprocessing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseInfo {
    /// Names the namespace.
    pub fingerprint: Fingerprint,
    /// What it is of, if that is known.
    pub about: Option<About>,
    /// Different pictures.
    pub entries: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// When a process last added to it or first read from it.
    pub used: SystemTime,
}

/// Counts what the cache at `root` holds; nothing when there is none.
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
        for segment in segments(&folder) {
            freed += remove_segment(&segment)?;
        }
        for file in own_files(&folder)? {
            freed += remove(&file)?;
        }
        // Fails where something else lies in it, and should.
        let _ = fs::remove_dir(&folder);
    }
    let _ = fs::remove_dir(root);
    Ok(freed)
}
