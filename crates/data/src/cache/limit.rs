//! The size limit of a cache, and eviction.
//!
//! The least recently used segments are deleted first, as a whole and across all bases. A segment counts as used when
//! it is written and when a process first reads from it. Segments being written, or read by this process, are never
//! deleted: a run over more pictures than fit keeps the first ones instead of thrashing. A process whose segment is
//! deleted by another one computes the features again.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::files::{self, namespaces, remove_segment, segments, used};
use super::lock::Mark;
use super::warning::NotKept;

/// The maximum size of a cache in bytes, for all bases together; `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit(pub Option<u64>);

impl Default for Limit {
    /// 10 GiB: the features of two million pictures with MobileNetV2, and little compared with the pictures themselves.
    fn default() -> Self {
        Self(Some(10 << 30))
    }
}

impl Limit {
    /// The maximum size of a segment in bytes, a small part of the limit, as it is deleted at once.
    pub(super) fn segment(self) -> u64 {
        const MOST: u64 = 256 << 20;
        self.0.map_or(MOST, |limit| (limit / 16).min(MOST))
    }

    /// Bytes written between two checks for data of other processes: each process may exceed the limit by this amount.
    fn step(self) -> u64 {
        self.0.map_or(u64::MAX, |limit| limit / 64)
    }
}

/// The amount that a process may write before its next check.
#[derive(Debug)]
pub(super) struct Room {
    root: PathBuf,
    limit: Limit,
    left: u64,
}

impl Room {
    pub(super) fn new(root: &Path, limit: Limit) -> Self {
        Self { root: root.to_owned(), limit, left: 0 }
    }

    /// Reserves `bytes`, and if needed makes room by deleting segments, except those of `mine`, identified by their
    /// features' files.
    pub(super) fn take(
        &mut self,
        bytes: u64,
        mine: impl FnOnce() -> HashSet<PathBuf>,
    ) -> Result<(), NotKept> {
        if self.left < bytes {
            self.left = match self.limit.0 {
                None => u64::MAX,
                Some(limit) => {
                    let step = self.limit.step().max(bytes);
                    let held = make_room(&self.root, limit.saturating_sub(step), &mine())?;
                    limit.saturating_sub(held).min(step)
                }
            };
        }
        self.left = self.left.checked_sub(bytes).ok_or(NotKept::LimitReached)?;
        Ok(())
    }
}

/// Deletes the least recently used segments until the cache has at most `most` bytes, as far as possible, and returns
/// its size.
fn make_room(root: &Path, most: u64, mine: &HashSet<PathBuf>) -> io::Result<u64> {
    let mut held = bytes(root)?;
    if held <= most {
        return Ok(held);
    }
    for (_, segment) in by_use(root)? {
        if held <= most {
            break;
        }
        if !mine.contains(&segment.with_extension("data")) && !Mark::is_on(&segment) {
            // A segment that cannot be deleted is kept.
            held = held.saturating_sub(remove_segment(&segment).unwrap_or(0));
        }
    }
    Ok(held)
}

/// Deletes segments last used before `time`, and returns the number of bytes freed.
///
/// Segments being written are kept.
///
/// # Errors
/// When a folder cannot be listed or a file cannot be deleted.
pub fn clear_unused_since(root: &Path, time: SystemTime) -> io::Result<u64> {
    let mut freed = 0;
    for (_, segment) in by_use(root)?.into_iter().take_while(|(used, _)| *used < time) {
        if !Mark::is_on(&segment) {
            freed += remove_segment(&segment)?;
        }
    }
    Ok(freed)
}

/// The disk usage of a cache.
fn bytes(root: &Path) -> io::Result<u64> {
    namespaces(root)?.iter().map(|folder| files::bytes(folder)).sum()
}

/// All segments with the time of their last use, oldest first.
fn by_use(root: &Path) -> io::Result<Vec<(SystemTime, PathBuf)>> {
    let segments = namespaces(root)?.into_iter().flat_map(|folder| segments(&folder));
    let mut by_use: Vec<_> = segments.map(|segment| (used(&segment), segment)).collect();
    by_use.sort_unstable();
    Ok(by_use)
}
