//! Many small segments into one.
//!
//! A process that is writing holds a shared lock on the namespace's lock file, and merging needs
//! the exclusive one. So nobody writes to a segment while it is merged, only one process merges,
//! and the operating system frees the lock of a process that was killed. Where the file system
//! knows no locks, nothing is merged.
//!
//! The merged segment is written whole and synced before it gets its name, and only then are the
//! old ones deleted: killed at any point, each entry is in the old segments, in the new one, or in
//! both. Whoever has the old ones open looks for the new one when a read fails.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::segment::{Reader, UNFINISHED, Unread, Whole};
use super::{Entry, Fingerprint, admin};

/// Small segments that are left as they are.
const FEW: usize = 16;
/// Bytes of features below which a segment is small: some 1,600 pictures.
const SMALL: u64 = 8 << 20;

/// The lock file's name.
pub(super) const LOCK: &str = "writers.lock";

/// A lock on a namespace, until it is dropped or its process ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// The lock of a writer. Waits for a merge to end; `None` where there are no locks.
    pub(super) fn to_write(folder: &Path) -> Option<Self> {
        let file = Self::file(folder).ok()?;
        file.lock_shared().ok()?;
        Some(Self { _file: file })
    }

    /// The lock to merge; `None` while a process writes or merges, and where there are no locks.
    fn to_merge(folder: &Path) -> Option<Self> {
        let file = Self::file(folder).ok()?;
        file.try_lock().ok()?;
        Some(Self { _file: file })
    }

    fn file(folder: &Path) -> io::Result<File> {
        let path = folder.join(LOCK);
        OpenOptions::new().read(true).append(true).create(true).open(path)
    }
}

/// Merges the small segments of a namespace when there are many. What fails is left for later:
/// nothing depends on it.
pub(super) fn merge(folder: &Path, fingerprint: &Fingerprint, dim: usize) {
    if small(folder).len() <= FEW {
        return;
    }
    let Some(_lock) = Lock::to_merge(folder) else { return };
    remove_leftovers(folder);
    let mut merged = Vec::new();
    let mut whole = None;
    // Another process may have merged in the meantime.
    let segments = small(folder);
    if segments.len() > FEW
        && copy(folder, &segments, fingerprint, dim, &mut merged, &mut whole).is_ok()
    {
        // The old ones go only when the new one is whole.
        if whole.is_none_or(|whole| Whole::finish(whole).is_ok()) {
            for keys in merged {
                let _ = fs::remove_file(&keys);
                let _ = fs::remove_file(keys.with_extension("data"));
            }
            return;
        }
    }
    remove_leftovers(folder);
}

fn small(folder: &Path) -> Vec<PathBuf> {
    let size = |keys: &PathBuf| fs::metadata(keys.with_extension("data")).map_or(0, |m| m.len());
    admin::segments(folder).into_iter().filter(|keys| size(keys) < SMALL).collect()
}

/// Copies the sound entries of `segments`, each once, and notes the segments that nothing more is
/// to be had from.
fn copy(
    folder: &Path,
    segments: &[PathBuf],
    fingerprint: &Fingerprint,
    dim: usize,
    merged: &mut Vec<PathBuf>,
    whole: &mut Option<Whole>,
) -> io::Result<()> {
    let mut seen = HashSet::new();
    let mut features = vec![0.0; dim];
    for path in segments {
        let Some((reader, keys)) = Reader::open(path, fingerprint, dim) else { continue };
        let mut gone = false;
        for (record, key, content) in keys {
            if seen.contains(&key) {
                continue;
            }
            match reader.read(record, &key, &content, &mut features) {
                Ok(facts) => {
                    let new = match whole {
                        Some(new) => new,
                        None => whole.insert(Whole::create(folder, fingerprint, dim)?),
                    };
                    new.append(&key, &Entry { content, features: features.clone(), facts })?;
                    seen.insert(key);
                }
                Err(Unread::Damaged) => {}
                Err(Unread::Gone) => gone = true,
            }
        }
        if !gone {
            merged.push(path.clone());
        }
    }
    Ok(())
}

/// Deletes what a process left that was killed while it merged, or between making the two files
/// of a segment. Nobody writes, so nothing else looks like it.
fn remove_leftovers(folder: &Path) {
    for file in admin::own_files(folder).unwrap_or_default() {
        let ending = file.extension().and_then(|e| e.to_str());
        let left = match ending {
            Some(UNFINISHED) => true,
            Some("data") => !file.with_extension("keys").exists(),
            _ => false,
        };
        if left {
            let _ = fs::remove_file(&file);
        }
    }
}
