//! A disk cache of the frozen base's features of each picture.
//!
//! A file is identified by the hash of its bytes ([`Key`]), so a second run over the same files decodes nothing. An
//! [`Entry`] contains the hash of the decoded pixels, which the split needs, the features, and the picture's [`Facts`].
//! A [`Fingerprint`] of base weights and preprocessing, computed by the caller, names the namespace, so features are
//! never used with other weights.
//!
//! # On disk
//! `ROOT/<fingerprint>/<unique>.keys` and `.data`: a **segment**, written by one process, append-only. Both start with
//! the same checksummed header; then `.keys` has 40 bytes per entry and `.data` the features and facts, each record
//! with its checksum. All numbers are little-endian. `about.json` describes the namespace's base for people.
//!
//! - Features are written before their key, each in one write: an incomplete record of a killed process has no key, or
//!   a key that fails its checksum, and is computed again.
//! - Two processes never write to one file, and reading needs no lock.
//! - A damaged record is detected when it is read, and computed again.
//! - After the first failed write (disk full, no permission), writing stops and [`FeatureCache::warning`] reports it
//!   once. There are no other consequences: the cache is optional.
//!
//! - The least recently used segments are deleted when the cache would exceed its [`Limit`].
//!
//! Opening reads only the keys; features are read on demand. A run that adds nothing leaves no file. A run that adds
//! entries leaves a segment, and opening merges small segments once there are many. Writes are not synced: after a
//! power failure the checksums reveal what was lost.

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
    /// Computes the key of a file with these bytes.
    pub fn of(file: &[u8]) -> Self {
        Self(ContentHash::from_blake3(&blake3::hash(file)).0)
    }
}

/// Identifies base weights and preprocessing: everything that features depend on besides the picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint that a folder's name represents.
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
    /// Formats as 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The cached data of a picture.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Hash of the decoded pixels.
    pub content: ContentHash,
    /// The features, `dim` of them.
    pub features: Vec<f32>,
    /// Other facts about the picture.
    pub facts: Facts,
}

/// The cache of one namespace, shared by all threads by reference.
#[derive(Debug)]
pub struct FeatureCache {
    root: PathBuf,
    folder: PathBuf,
    fingerprint: Fingerprint,
    dim: usize,
    index: RwLock<HashMap<Key, Place>>,
    segments: RwLock<Vec<Reader>>,
    /// Held while looking for segments that another process has merged.
    looking: Mutex<()>,
    /// `None` if nothing should be or could be written.
    writer: Mutex<Option<Writing>>,
    config: CacheConfig,
    warning: OnceLock<CacheWarning>,
}

/// The configuration of a cache.
#[derive(Clone, Debug, Default)]
pub struct CacheConfig {
    /// The limit for everything in the root folder. Runs that add entries respect it.
    pub limit: Limit,
    /// A description of the features, for `cache info`.
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
    /// The segment this process writes to, and its index among the segments.
    segment: Option<(Writer, u32)>,
}

/// Maximum number of listings of the folder while other processes keep changing it.
const MOST_LOOKS: usize = 16;

impl FeatureCache {
    /// Opens the namespace `fingerprint` in `root`, with `dim` features per entry.
    ///
    /// Creates nothing. Unreadable files are treated as missing; segments with another `dim` or of a newer version are
    /// left alone. Merges small segments if there are many.
    pub fn open(root: &Path, fingerprint: &Fingerprint, dim: usize, config: CacheConfig) -> Self {
        merge::merge(&root.join(fingerprint.to_string()), fingerprint, dim, config.limit);
        let writing = Writing { room: Room::new(root, config.limit), segment: None };
        Self::new(root, fingerprint, dim, config, Some(writing))
    }

    /// Opens a cache like [`FeatureCache::open`] for a process with few pictures: it adds and deletes nothing, and
    /// [`FeatureCache::put`] has no effect.
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

    /// Adds the segments that are not known yet.
    fn look(&self) {
        let _one_at_a_time = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        // A concurrent merge deletes segments after adding the merged one: a listing is complete only if it has not
        // changed since.
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

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.index.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the hash of a file's pixels, without reading its features.
    ///
    /// A hash does not guarantee that the features are readable.
    pub fn content(&self, key: &Key) -> Option<ContentHash> {
        self.place(key).map(|place| place.content)
    }

    /// Returns the entry of a file; `None` if there is none or it is damaged.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        let mut features = vec![0.0; self.dim];
        let (content, facts) = self.get_into(key, &mut features)?;
        Some(Entry { content, features, facts })
    }

    /// Returns an entry like [`FeatureCache::get`], with the features written to `features`, whose content is
    /// unspecified after `None`.
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
        // So that it can be put again once computed.
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

    /// Removes the entries of a segment from the index.
    fn forget(&self, segment: u32) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.retain(|_, place| place.segment != segment);
    }

    /// Adds an entry, unless there is one. If it cannot be written, writing stops and [`FeatureCache::warning`] reports
    /// it.
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

    /// Appends to this process's segment, and creates one if there is none or it is large.
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

    /// Creates a segment.
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

    /// The reason why writing has stopped; `None` if it has not.
    pub fn warning(&self) -> Option<&CacheWarning> {
        self.warning.get()
    }

    fn place(&self, key: &Key) -> Option<Place> {
        self.index.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}
