//! Reading of segments.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use headstart_files::read_exact_at;

use super::super::files::set_used;
use super::super::format::{HEADER, KEY_RECORD, SUM, checksum, data_record, header};
use super::super::{Fingerprint, Key};
use super::records;
use crate::Facts;
use crate::decode::ContentHash;

/// Maximum number of segment files that a process keeps open; others are opened for each read.
const MOST_OPEN: usize = 64;
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A file counted among those kept open.
#[derive(Debug)]
struct KeptOpen(File);

impl KeptOpen {
    fn new(file: File) -> Result<Self, File> {
        if OPEN.fetch_add(1, Ordering::Relaxed) < MOST_OPEN {
            return Ok(Self(file));
        }
        OPEN.fetch_sub(1, Ordering::Relaxed);
        Err(file)
    }
}

impl Drop for KeptOpen {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The reason why a record was not read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cache) enum Unread {
    /// The segment no longer exists: another process has merged it, or cleared the cache.
    Gone,
    /// The record does not match its key.
    Damaged,
    /// The segment currently cannot be opened or read.
    Failed,
}

/// The records of one segment.
#[derive(Debug)]
pub(in crate::cache) struct Reader {
    pub(in crate::cache) data: PathBuf,
    /// Opened at the first read, as few of many segments may be read.
    file: OnceLock<KeptOpen>,
    record: usize,
    used: AtomicBool,
}

impl Reader {
    pub(super) fn new(data: PathBuf, dim: usize) -> Self {
        let (file, record) = (OnceLock::new(), data_record(dim));
        Self { data, file, record, used: AtomicBool::new(false) }
    }

    /// Records its use, once.
    pub(in crate::cache) fn set_used(&self) {
        if !self.used.swap(true, Ordering::Relaxed) {
            set_used(&self.data, SystemTime::now());
        }
    }

    pub(in crate::cache) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Opens a segment and returns its sound keys, each with the index of its record. `None` if the segment belongs to
    /// another namespace or is unreadable.
    #[allow(clippy::type_complexity)]
    pub(in crate::cache) fn open(
        keys: &Path,
        fingerprint: &Fingerprint,
        dim: usize,
    ) -> Option<(Self, Vec<(u32, Key, ContentHash)>)> {
        let bytes = fs::read(keys).ok()?;
        if !bytes.starts_with(&header(fingerprint, dim)) {
            return None;
        }
        let data = keys.with_extension("data");
        fs::metadata(&data).ok()?;
        let written = records(&data, dim);
        let records = bytes[HEADER..].chunks_exact(KEY_RECORD).zip(0u32..);
        let sound = records.filter(|(_, n)| u64::from(*n) < written).filter_map(|(bytes, n)| {
            let (key, rest) = bytes.split_first_chunk::<16>()?;
            let (content, sum) = rest.split_first_chunk::<16>()?;
            (checksum(&[key, content]) == *sum).then_some((n, Key(*key), ContentHash(*content)))
        });
        Some((Self::new(data, dim), sound.collect()))
    }

    /// Reads a record.
    pub(in crate::cache) fn read(
        &self,
        record: u32,
        key: &Key,
        content: &ContentHash,
        features: &mut [f32],
    ) -> Result<Facts, Unread> {
        let mut bytes = vec![0; self.record];
        let offset = HEADER as u64 + u64::from(record) * self.record as u64;
        let read = match self.file.get() {
            Some(KeptOpen(file)) => read_exact_at(file, &mut bytes, offset),
            None => {
                let file = File::open(&self.data).map_err(|e| match e.kind() {
                    io::ErrorKind::NotFound => Unread::Gone,
                    _ => Unread::Failed,
                })?;
                let read = read_exact_at(&file, &mut bytes, offset);
                if let Ok(file) = KeptOpen::new(file) {
                    let _ = self.file.set(file);
                }
                read
            }
        };
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Unread::Damaged,
            _ => Unread::Failed,
        })?;
        let (values, sum) = bytes.split_at(self.record - SUM);
        if checksum(&[&key.0, &content.0, values]) != *sum {
            return Err(Unread::Damaged);
        }
        let (values, facts) = values.split_last_chunk().ok_or(Unread::Damaged)?;
        for (feature, bytes) in features.iter_mut().zip(values.as_chunks::<4>().0) {
            *feature = f32::from_le_bytes(*bytes);
        }
        Facts::from_bytes(facts).ok_or(Unread::Damaged)
    }
}
