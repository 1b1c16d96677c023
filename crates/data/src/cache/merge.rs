//! Merging of small segments.
//!
//! No process writes during a merge; see [`Lock`]. The new segment is written completely and synced before it gets its
//! name, and only then are the old ones deleted: if the process is killed at any point, each entry is in the old
//! segments, in the new one, or in both. Processes that have the old ones open look for the new one when a read fails.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::files::{own_files, remove, remove_segment, segments, size, used};
use super::format::UNFINISHED;
use super::limit::Limit;
use super::lock::{LOCK, Lock, Mark};
use super::segment::{Reader, Unread, Whole};
use super::{Entry, Fingerprint};

/// Number of small segments that are not merged yet.
const FEW: usize = 16;
/// Maximum bytes of features of a small segment: some 1,600 pictures.
const SMALL: u64 = 8 << 20;

/// Merges the small segments of a namespace if there are many, respecting the maximum segment size for the cache's
/// limit. Errors are ignored and the merge is left for later: nothing depends on it.
pub(super) fn merge(folder: &Path, fingerprint: &Fingerprint, dim: usize, limit: Limit) {
    let most = SMALL.min(limit.segment() / FEW as u64);
    let small = || {
        let is_small = |keys: &PathBuf| size(&keys.with_extension("data")) < most;
        segments(folder).into_iter().filter(is_small).collect::<Vec<_>>()
    };
    if small().len() <= FEW {
        return;
    }
    let Some(_lock) = Lock::to_merge(folder) else { return };
    remove_leftovers(folder);
    // Another process may have merged in the meantime.
    let segments = small();
    if segments.len() > FEW && rewrite(folder, &segments, fingerprint, dim).is_err() {
        remove_leftovers(folder);
    }
}

/// Writes the sound entries of `segments` to a new one, each once, deletes the segments that have nothing more to
/// offer, and returns their number. The caller holds the lock for merging.
pub(super) fn rewrite(
    folder: &Path,
    segments: &[PathBuf],
    fingerprint: &Fingerprint,
    dim: usize,
) -> io::Result<usize> {
    let mut done = Vec::new();
    let mut whole = None;
    let mut seen = HashSet::new();
    let mut features = vec![0.0; dim];
    let mut last_used = UNIX_EPOCH;
    for path in segments {
        let Some((reader, keys)) = Reader::open(path, fingerprint, dim) else { continue };
        last_used = last_used.max(used(path));
        let mut complete = true;
        for (record, key, content) in keys {
            if seen.contains(&key) {
                continue;
            }
            match reader.read(record, &key, &content, &mut features) {
                Ok(facts) => {
                    let new = match &mut whole {
                        Some(new) => new,
                        None => whole.insert(Whole::create(folder, fingerprint, dim)?),
                    };
                    new.append(&key, &Entry { content, features: features.clone(), facts })?;
                    seen.insert(key);
                }
                Err(Unread::Damaged) => {}
                Err(Unread::Gone | Unread::Failed) => complete = false,
            }
        }
        if complete {
            done.push(path);
        }
    }
    // The old ones are deleted only when the new one is complete.
    if let Some(whole) = whole {
        whole.finish(last_used)?;
    }
    for segment in &done {
        remove_segment(segment)?;
    }
    Ok(done.len())
}

/// Deletes files left by a process killed while it merged, deleted or created a segment. As no process is writing,
/// nothing else looks like them.
pub(super) fn remove_leftovers(folder: &Path) {
    for file in own_files(folder).unwrap_or_default() {
        let left = match file.extension().and_then(|e| e.to_str()) {
            Some(UNFINISHED) => true,
            Some("data") => !file.with_extension("keys").exists(),
            Some("keys") => !file.with_extension("data").exists(),
            Some(Mark::ENDING) => !file.ends_with(LOCK) && !file.with_extension("keys").exists(),
            _ => false,
        };
        if left {
            // Files that cannot be deleted do no harm.
            let _ = remove(&file);
            let _ = remove(&file.with_extension(Mark::ENDING));
        }
    }
}
