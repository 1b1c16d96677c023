//! Verification of a cache's contents.

use std::io;
use std::path::{Path, PathBuf};

use super::Fingerprint;
use super::about::About;
use super::files::{namespaces, remove_segment, segments};
use super::lock::Lock;
use super::merge::{remove_leftovers, rewrite};
use super::segment::{Examined, Unread, examine, lines};

/// The state of the features of one base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseHealth {
    /// Names the namespace.
    pub fingerprint: Fingerprint,
    /// Its description, if known.
    pub about: Option<About>,
    /// Intact records. A picture computed by two processes has two.
    pub sound: u64,
    /// Damaged or unreadable records.
    pub damaged: u64,
    /// Number of damaged records that were dropped.
    pub repaired: u64,
    /// Segments written by another version of this program, which were left alone.
    pub foreign: usize,
}

/// Reads the whole cache at `root`; with `repair`, drops damaged records, so that they are computed again.
///
/// A base that a process is writing to is not repaired. `go_on` receives the number of records done and the approximate
/// total, and returns whether to continue; otherwise the result is `None`. Stopping or killing it at any point loses no
/// sound record.
///
/// # Errors
/// When a folder cannot be listed, or sound records cannot be rewritten.
pub fn verify(
    root: &Path,
    repair: bool,
    go_on: &mut dyn FnMut(u64, u64) -> bool,
) -> io::Result<Option<Vec<BaseHealth>>> {
    let folders = namespaces(root)?;
    let total = folders.iter().flat_map(|folder| segments(folder)).map(|path| lines(&path)).sum();
    let mut done = 0;
    let mut one_more = || {
        done += 1;
        go_on(done.min(total), total)
    };
    let mut found = Vec::new();
    for folder in folders {
        let Some(fingerprint) = Fingerprint::of_folder(&folder) else { continue };
        let Some((mut health, damaged)) = look(&folder, fingerprint, &mut one_more) else {
            return Ok(None);
        };
        if health.sound + health.damaged == 0 && health.foreign == 0 {
            continue;
        }
        if repair && !damaged.is_empty() {
            health.repaired = mend(&folder, &fingerprint, &damaged)?;
        }
        found.push(health);
    }
    Ok(Some(found))
}

/// A segment with damage.
struct Damaged {
    path: PathBuf,
    records: u64,
    /// Features per entry; `None` if nothing of the segment is readable.
    dim: Option<usize>,
}

fn look(
    folder: &Path,
    fingerprint: Fingerprint,
    one_more: &mut dyn FnMut() -> bool,
) -> Option<(BaseHealth, Vec<Damaged>)> {
    let about = About::read(folder);
    let mut health =
        BaseHealth { fingerprint, about, sound: 0, damaged: 0, repaired: 0, foreign: 0 };
    let mut damaged = Vec::new();
    for path in segments(folder) {
        let (records, dim) = match examine(&path, &fingerprint) {
            None => continue,
            Some(Examined::Foreign) => {
                health.foreign += 1;
                continue;
            }
            Some(Examined::Unreadable { records }) => (records, None),
            Some(Examined::Segment { reader, dim, keys, lost }) => {
                let mut bad = lost;
                let mut features = vec![0.0; dim];
                for (record, key, content) in &keys {
                    match reader.read(*record, key, content, &mut features) {
                        Ok(_) => health.sound += 1,
                        // Another process has merged or deleted it in the meantime.
                        Err(Unread::Gone) => {}
                        Err(Unread::Damaged | Unread::Failed) => bad += 1,
                    }
                    if !one_more() {
                        return None;
                    }
                }
                (bad, Some(dim))
            }
        };
        if records > 0 {
            health.damaged += records;
            damaged.push(Damaged { path, records, dim });
        }
    }
    Some((health, damaged))
}

/// Rewrites segments without damaged records, and returns the number of records dropped; 0 if another process is using
/// the namespace.
fn mend(folder: &Path, fingerprint: &Fingerprint, damaged: &[Damaged]) -> io::Result<u64> {
    let Some(_lock) = Lock::to_merge(folder) else { return Ok(0) };
    remove_leftovers(folder);
    let mut dropped = 0;
    for Damaged { path, records, dim } in damaged {
        let done = match dim {
            Some(dim) => rewrite(folder, std::slice::from_ref(path), fingerprint, *dim),
            None => remove_segment(path).map(|_| 1),
        };
        match done {
            Ok(segments) => dropped += if segments == 1 { *records } else { 0 },
            Err(e) => {
                remove_leftovers(folder);
                return Err(e);
            }
        }
    }
    Ok(dropped)
}
