//! What the frozen base made of each picture, kept on disk.
//!
//! A file is known by the hash of its bytes ([`Key`]), so a second run over the same files
//! decodes nothing. An [`Entry`] is the hash of the decoded pixels, which the split needs,
//! and the features. A [`Fingerprint`] of base weights and preprocessing, made by the
//! caller, names the namespace: other weights never see these features.
//!
//! # On disk
//! `ROOT/<fingerprint>/<unique>.keys` and `.data`: a **segment**, written by one process,
//! append-only. Both begin with the same checked header; then `.keys` has 40 bytes per
//! entry and `.data` the features, each record with its checksum. All is little-endian.
//!
//! - Features are written before their key, each in one write: what a killed process leaves
//!   unfinished has no key, or a key that fails its checksum, and is computed again.
//! - Two processes never write to one file, and reading needs no lock.
//! - A damaged record is found when it is read, and computed again.
//! - At the first write that fails (disk full, no permission), writing stops and
//!   [`FeatureCache::warning`] says so once. Nothing else happens: the cache is a help.
//!
//! Opening reads the keys only, features are read when asked for. A run that adds nothing
//! leaves no file. Runs that add leave a segment each; they are not merged, which would
//! need a lock between processes. Nothing is synced: after a power failure the checksums
//! tell what was lost.

mod admin;
mod segment;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

pub use admin::{CacheInfo, clear, info};
use segment::{Reader, Writer};

use crate::decode::ContentHash;

/// The first 16 bytes of the BLAKE3 hash of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// The key of a file with these bytes.
    pub fn of(file: &[u8]) -> Self {
        Self(ContentHash::from_blake3(&blake3::hash(file)).0)
    }
}

/// Stands for base weights and preprocessing: whatever the features depend on beside the
/// picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is kept of a picture.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Hash of the decoded pixels.
    pub content: ContentHash,
    /// The features, `dim` of them.
    pub features: Vec<f32>,
}

/// The cache of one namespace. All threads share it by reference.
#[derive(Debug)]
pub struct FeatureCache {
    folder: PathBuf,
    fingerprint: Fingerprint,
    dim: usize,
    index: RwLock<HashMap<Key, Place>>,
    segments: RwLock<Vec<Reader>>,
    writer: Mutex<Writing>,
    warning: OnceLock<String>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    content: ContentHash,
    segment: u32,
    record: u32,
}

#[derive(Debug)]
enum Writing {
    NotYet,
    On { writer: Writer, segment: u32 },
    Off,
}

impl FeatureCache {
    /// Opens the namespace `fingerprint` below `root`, with `dim` features an entry.
    ///
    /// Creates nothing. What cannot be read is as if it were not there; segments of another
    /// `dim` or of a newer version are left alone.
    pub fn open(root: &Path, fingerprint: &Fingerprint, dim: usize) -> Self {
        let folder = root.join(fingerprint.to_string());
        let mut index = HashMap::new();
        let mut segments = Vec::new();
        for path in admin::segments(&folder) {
            let Some((reader, keys)) = Reader::open(&path, fingerprint, dim) else { continue };
            let segment = segments.len() as u32;
            for (record, key, content) in keys {
                index.insert(key, Place { content, segment, record });
            }
            segments.push(reader);
        }
        Self {
            folder,
            fingerprint: *fingerprint,
            dim,
            index: RwLock::new(index),
            segments: RwLock::new(segments),
            writer: Mutex::new(Writing::NotYet),
            warning: OnceLock::new(),
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.index.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The hash of the pixels of a file, without reading its features.
    ///
    /// That there is one does not promise that the features will be readable.
    pub fn content(&self, key: &Key) -> Option<ContentHash> {
        self.place(key).map(|place| place.content)
    }

    /// The entry of a file; `None` when there is none or it is damaged.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        let mut features = vec![0.0; self.dim];
        let content = self.get_into(key, &mut features)?;
        Some(Entry { content, features })
    }

    /// Like [`FeatureCache::get`], with the features written to `features`, which holds
    /// anything after `None`.
    ///
    /// # Panics
    /// When `features` is not `dim` long.
    pub fn get_into(&self, key: &Key, features: &mut [f32]) -> Option<ContentHash> {
        assert_eq!(features.len(), self.dim, "as many features as the cache was opened for");
        let place = self.place(key)?;
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let read =
            segments[place.segment as usize].read(place.record, key, &place.content, features);
        drop(segments);
        if read.is_none() {
            // Whoever computes it again may put it.
            self.index.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        }
        read.map(|()| place.content)
    }

    /// Keeps an entry, unless there is one. When it cannot be written, writing stops and
    /// [`FeatureCache::warning`] tells.
    ///
    /// # Panics
    /// When `entry.features` is not `dim` long.
    pub fn put(&self, key: &Key, entry: &Entry) {
        assert_eq!(entry.features.len(), self.dim, "as many features as the cache was opened for");
        if self.place(key).is_some() {
            return;
        }
        let mut writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Writing::NotYet = *writing {
            *writing = match Writer::create(&self.folder, &self.fingerprint, self.dim) {
                Ok((writer, reader)) => {
                    let mut segments =
                        self.segments.write().unwrap_or_else(PoisonError::into_inner);
                    segments.push(reader);
                    Writing::On { writer, segment: segments.len() as u32 - 1 }
                }
                Err(e) => self.switch_off(&e),
            };
        }
        let Writing::On { writer, segment } = &mut *writing else { return };
        match writer.append(key, entry) {
            Ok(record) => {
                let place = Place { content: entry.content, segment: *segment, record };
                self.index.write().unwrap_or_else(PoisonError::into_inner).insert(*key, place);
            }
            Err(e) => *writing = self.switch_off(&e),
        }
    }

    /// Why nothing is kept any more, in one line; `None` while all is well.
    pub fn warning(&self) -> Option<&str> {
        self.warning.get().map(String::as_str)
    }

    fn place(&self, key: &Key) -> Option<Place> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn switch_off(&self, error: &std::io::Error) -> Writing {
        let folder = self.folder.display();
        let _ = self.warning.set(format!(
            "{folder}: features cannot be kept ({error}); the next run will compute them again"
        ));
        Writing::Off
    }
}
