//! How much a cache may hold, and what goes when it is full.
//!
//! What was used longest ago goes first, in whole segments, whatever base they are of. A segment
//! counts as used when it is written and when a process first reads from it. What is being written
//! is never deleted, and neither is what this process has read from: a run over more pictures than
//! fit keeps the first ones and does not go round in circles. Who reads from a segment that another
//! process deletes computes again.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::files::{self, namespaces, remove_segment, segments, used};
use super::lock::Mark;
use super::warning::NotKept;

/// The most bytes that a cache takes, of all bases together; `None` is as many as there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit(pub Option<u64>);

impl Default for Limit {
    /// 10 GiB: the features of two million pictures with MobileNetV2, and little beside the
    /// pictures themselves.
    fn default() -> Self {
        Self(Some(10 << 30))
    }
}

impl Limit {
    /// How large a segment grows, in bytes: what goes at once is little of the whole.
    pub(super) fn segment(self) -> u64 {
        const MOST: u64 = 256 << 20;
        self.0.map_or(MOST, |limit| (limit / 16).min(MOST))
    }

    /// How much is written between two looks at what other processes have written, in bytes: by so
    /// much each of them may exceed the limit.
    fn step(self) -> u64 {
        self.0.map_or(u64::MAX, |limit| limit / 64)
    }
}

/// What a process may write before it looks again.
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

    /// Takes room for so many bytes, and makes some if need be by deleting segments; not those of
    /// `mine`, which are known by their features' file.
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

/// Deletes what was used longest ago until the cache holds at most so many bytes, as far as that can
/// be done, and returns how many it then holds.
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
            // One that cannot be deleted is left.
            held = held.saturating_sub(remove_segment(&segment).unwrap_or(0));
        }
    }
    Ok(held)
}

/// Deletes what was last used before `time`, and returns how many bytes that freed.
///
/// What is being written stays.
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

/// What a cache takes on disk.
fn bytes(root: &Path) -> io::Result<u64> {
    namespaces(root)?.iter().map(|folder| files::bytes(folder)).sum()
}

/// All segments with the time of their last use, in its order.
fn by_use(root: &Path) -> io::Result<Vec<(SystemTime, PathBuf)>> {
    let segments = namespaces(root)?.into_iter().flat_map(|folder| segments(&folder));
    let mut by_use: Vec<_> = segments.map(|segment| (used(&segment), segment)).collect();
    by_use.sort_unstable();
    Ok(by_use)
}
