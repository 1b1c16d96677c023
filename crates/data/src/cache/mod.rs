//! What the frozen base made of each picture, kept on disk.
//!
//! A file is known by the hash of its bytes ([`Key`]), so a second run over the same files
//! decodes nothing. An [`Entry`] is the hash of the decoded pixels, which the split needs,
//! the features, and the picture's [`Facts`]. A [`Fingerprint`] of base weights and preprocessing, made by the
//! caller, names the namespace: other weights never see these features.
//!
//! # On disk
//! `ROOT/<fingerprint>/<unique>.keys` and `.data`: a **segment**, written by one process,
//! append-only. Both begin with the same checked header; then `.keys` has 40 bytes per
//! entry and `.data` the features and facts, each record with its checksum. All is little-endian.
//! `about.json` says what base the namespace is of, for people.
//!
//! - Features are written before their key, each in one write: what a killed process leaves
//!   unfinished has no key, or a key that fails its checksum, and is computed again.
//! - Two processes never write to one file, and reading needs no lock.
//! - A damaged record is found when it is read, and computed again.
//! - At the first write that fails (disk full, no permission), writing stops and
//!   [`FeatureCache::warning`] says so once. Nothing else happens: the cache is a help.
//!
//! - What was used longest ago goes when the whole would exceed its [`Limit`], segment by segment.
//!
//! Opening reads the keys only, features are read when asked for. A run that adds nothing
//! leaves no file. Runs that add leave a segment each, and when many small ones have come
//! together, opening merges them. What runs write is not synced: after a power
//! failure the checksums tell what was lost.

mod about;
mod admin;
mod files;
mod format;
mod limit;
mod lock;
mod merge;
mod segment;
mod verify;
mod warning;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

pub use about::About;
pub use admin::{BaseInfo, CacheInfo, clear, info};
use format::{SEGMENT_LEN, entry_len};
use limit::Room;
pub use limit::{Limit, clear_unused_since};
use segment::{Reader, Unread, Writer};
pub use verify::{BaseHealth, verify};
pub use warning::{CacheWarning, NotKept};

use crate::Facts;
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

impl Fingerprint {
    /// The one that names a folder.
    fn of_folder(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?;
        if name.len() != 64 || !name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut fingerprint = [0; 32];
        for (i, byte) in fingerprint.iter_mut().enumerate() {
            *byte = u8::from_str_radix(name.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(fingerprint))
    }
}

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
    /// What else is known of the picture.
    pub facts: Facts,
}

/// The cache of one namespace. All threads share it by reference.
#[derive(Debug)]
pub struct FeatureCache {
    root: PathBuf,
    folder: PathBuf,
    fingerprint: Fingerprint,
    dim: usize,
    index: RwLock<HashMap<Key, Place>>,
    segments: RwLock<Vec<Reader>>,
    /// Held by whoever looks for segments that another process has merged.
    looking: Mutex<()>,
    /// Nothing when nothing is to be written, or could not be.
    writer: Mutex<Option<Writing>>,
    config: CacheConfig,
    warning: OnceLock<CacheWarning>,
}

/// How a cache is kept.
#[derive(Clone, Debug, Default)]
pub struct CacheConfig {
    /// What all that lies below the root may take. A run that adds something keeps to it.
    pub limit: Limit,
    /// What the features are of, for `cache info`.
    pub about: Option<About>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    content: ContentHash,
    segment: u32,
    record: u32,
}

#[derive(Debug)]
struct Writing {
    room: Room,
    /// What this process writes to, and its number among the segments.
    segment: Option<(Writer, u32)>,
}

/// How often the folder is listed while others keep changing it.
const MOST_LOOKS: usize = 16;

impl FeatureCache {
    /// Opens the namespace `fingerprint` below `root`, with `dim` features an entry.
    ///
    /// Creates nothing. What cannot be read is as if it were not there; segments of another
    /// `dim` or of a newer version are left alone. Merges small segments when there are many.
    pub fn open(root: &Path, fingerprint: &Fingerprint, dim: usize, config: CacheConfig) -> Self {
        merge::merge(&root.join(fingerprint.to_string()), fingerprint, dim, config.limit);
        let writing = Writing { room: Room::new(root, config.limit), segment: None };
        Self::new(root, fingerprint, dim, config, Some(writing))
    }

    /// [`FeatureCache::open`] for a process that looks at few pictures: it adds and deletes
    /// nothing, and [`FeatureCache::put`] does nothing.
    pub fn open_read_only(root: &Path, fingerprint: &Fingerprint, dim: usize) -> Self {
        Self::new(root, fingerprint, dim, CacheConfig::default(), None)
    }

    fn new(
        root: &Path,
        fingerprint: &Fingerprint,
        dim: usize,
        config: CacheConfig,
        writing: Option<Writing>,
    ) -> Self {
        let cache = Self {
            root: root.to_owned(),
            folder: root.join(fingerprint.to_string()),
            fingerprint: *fingerprint,
            dim,
            index: RwLock::default(),
            segments: RwLock::default(),
            looking: Mutex::default(),
            writer: Mutex::new(writing),
            config,
            warning: OnceLock::new(),
        };
        cache.look();
        cache
    }

    /// Takes in the segments that are not known yet.
    fn look(&self) {
        let _one_at_a_time = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        // A merge meanwhile takes segments away after it has added theirs: what is listed is only
        // complete when it has not changed since.
        let mut listed = BTreeSet::new();
        for _ in 0..MOST_LOOKS {
            let now = files::segments(&self.folder);
            if now == listed {
                break;
            }
            self.take_in(&now);
            listed = now;
        }
    }

    fn take_in(&self, segments: &BTreeSet<PathBuf>) {
        for path in segments {
            let known = {
                let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
                segments.iter().any(|known| known.data == path.with_extension("data"))
            };
            if known {
                continue;
            }
            let opened = Reader::open(path, &self.fingerprint, self.dim);
            let Some((reader, keys)) = opened else { continue };
            let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
            let segment = segments.len() as u32;
            segments.push(reader);
            drop(segments);
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            for (record, key, content) in keys {
                index.insert(key, Place { content, segment, record });
            }
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
        let (content, facts) = self.get_into(key, &mut features)?;
        Some(Entry { content, features, facts })
    }

    /// Like [`FeatureCache::get`], with the features written to `features`, which holds
    /// anything after `None`.
    ///
    /// # Panics
    /// When `features` is not `dim` long.
    pub fn get_into(&self, key: &Key, features: &mut [f32]) -> Option<(ContentHash, Facts)> {
        assert_eq!(features.len(), self.dim, "as many features as the cache was opened for");
        let place = self.place(key)?;
        match self.read(&place, key, features) {
            Ok(facts) => return Some((place.content, facts)),
            Err(Unread::Failed) => return None,
            Err(Unread::Damaged) => {}
            Err(Unread::Gone) => {
                self.forget(place.segment);
                self.look();
                if let Some(moved) = self.place(key)
                    && let Ok(facts) = self.read(&moved, key, features)
                {
                    return Some((moved.content, facts));
                }
            }
        }
        // Whoever computes it again may put it.
        self.index.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        None
    }

    fn read(&self, place: &Place, key: &Key, features: &mut [f32]) -> Result<Facts, Unread> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let segment = &segments[place.segment as usize];
        let facts = segment.read(place.record, key, &place.content, features)?;
        segment.set_used();
        Ok(facts)
    }

    /// Forgets what was in a segment.
    fn forget(&self, segment: u32) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.retain(|_, place| place.segment != segment);
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
        let mut slot = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writing) = &mut *slot else { return };
        if let Err(reason) = self.write(writing, key, entry) {
            *slot = None;
            let _ = self.warning.set(CacheWarning { root: self.root.clone(), reason });
        }
    }

    /// Appends to this process's segment, and begins one if there is none or it is large.
    fn write(&self, writing: &mut Writing, key: &Key, entry: &Entry) -> Result<(), NotKept> {
        let mut bytes = entry_len(self.dim);
        let is_large =
            |(writer, _): &mut (Writer, u32)| writer.len() * bytes >= self.config.limit.segment();
        drop(writing.segment.take_if(is_large));
        if writing.segment.is_none() {
            bytes += SEGMENT_LEN;
        }
        writing.room.take(bytes, || self.in_use())?;
        let (writer, segment) = match &mut writing.segment {
            Some(on) => on,
            none => none.insert(self.begin()?),
        };
        let record = writer.append(key, entry)?;
        let place = Place { content: entry.content, segment: *segment, record };
        self.index.write().unwrap_or_else(PoisonError::into_inner).insert(*key, place);
        Ok(())
    }

    /// Begins a segment.
    fn begin(&self) -> io::Result<(Writer, u32)> {
        let (writer, reader) = Writer::create(&self.folder, &self.fingerprint, self.dim)?;
        reader.set_used();
        if let Some(about) = &self.config.about {
            about.write(&self.folder);
        }
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.push(reader);
        Ok((writer, segments.len() as u32 - 1))
    }

    /// The features' files that this process has written to or read from.
    fn in_use(&self) -> HashSet<PathBuf> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().filter(|s| s.is_used()).map(|s| s.data.clone()).collect()
    }

    /// Why nothing is kept any more; `None` while all is well.
    pub fn warning(&self) -> Option<&CacheWarning> {
        self.warning.get()
    }

    fn place(&self, key: &Key) -> Option<Place> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}
