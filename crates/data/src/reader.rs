//! Reading and decoding of pictures by many threads in bounded memory.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::budget::{DEFAULT_MEMORY, MemoryBudget, MemoryGuard};
use crate::cache::Key;
use crate::decode::{MinSize, decode_at_least, estimated_bytes_at_least};
use crate::{DecodeError, Limits, Location, Rgb};

/// Reads and decodes pictures, on any number of threads, which share a memory limit: memory for files and decoded
/// pictures is acquired before it is allocated.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    at_least: MinSize,
    memory: Arc<MemoryBudget>,
}

/// A file's bytes, in memory that is released when this is dropped.
#[derive(Debug)]
pub struct Held<'a> {
    bytes: Vec<u8>,
    key: OnceCell<Key>,
    memory: MemoryGuard<'a>,
}

/// A picture, in memory that is released when this is dropped.
#[derive(Debug)]
pub struct HeldPicture<'a> {
    picture: Rgb,
    _memory: MemoryGuard<'a>,
}

impl Reader {
    /// Creates a reader that decodes pictures to at least `at_least`, in `memory` bytes for all threads together, and
    /// refuses pictures that need more. With `None`, the budget is [`DEFAULT_MEMORY`], and pictures that need more wait
    /// until they are alone.
    pub fn new(memory: Option<u64>, at_least: MinSize) -> Self {
        let default = Limits::default();
        let limits = match memory {
            Some(bytes) => Limits {
                max_bytes: bytes.min(default.max_bytes),
                max_file_bytes: bytes.min(default.max_file_bytes),
                ..default
            },
            None => default,
        };
        let memory = MemoryBudget::new(memory.unwrap_or(DEFAULT_MEMORY));
        Self { limits, at_least, memory: memory.into() }
    }

    /// A reader with another minimum size, sharing the same memory.
    #[must_use]
    pub fn with_size(&self, at_least: MinSize) -> Self {
        Self { limits: self.limits, at_least, memory: self.memory.clone() }
    }

    /// The limits for a single picture.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads a picture's file.
    ///
    /// # Errors
    /// As for [`Location::read`].
    pub fn read(&self, at: &Location) -> Result<Held<'_>, DecodeError> {
        self.read_into(at, 0)
    }

    /// Reads a picture's file into memory for `least` bytes, or more if the file is larger.
    fn read_into(&self, at: &Location, mut least: u64) -> Result<Held<'_>, DecodeError> {
        loop {
            let mut held = None;
            let mut room = |bytes: u64| match &mut held {
                None => {
                    held = Some(self.memory.acquire(bytes.max(least)));
                    true
                }
                Some(memory) => {
                    least = bytes;
                    memory.try_grow(bytes)
                }
            };
            // If the file is larger than expected and there is no room, all memory is released first.
            if let Some(bytes) = at.read_with(&self.limits, &mut room)? {
                let memory = held.expect("room was asked for");
                return Ok(Held { bytes, key: OnceCell::new(), memory });
            }
        }
    }

    /// Checks whether a picture may be decoded, and returns the bytes this needs, including its file.
    ///
    /// # Errors
    /// When it exceeds the limits for a picture. Other problems are reported by decoding.
    pub fn check(&self, file: &Held<'_>) -> Result<u64, DecodeError> {
        let limit = self.limits.max_bytes;
        match estimated_bytes_at_least(&file.bytes, &self.limits, self.at_least) {
            needed if needed > limit => Err(DecodeError::TooMuchMemory { limit }),
            needed => Ok(needed),
        }
    }

    /// Acquires the memory for decoding a file. If that is not available now, the file's memory is released, since
    /// others may be waiting for it, and the file is read again when there is enough for both.
    ///
    /// # Errors
    /// As for [`Reader::check`] and [`Reader::read`].
    pub fn with_room<'a>(
        &'a self,
        at: &Location,
        mut file: Held<'a>,
    ) -> Result<Held<'a>, DecodeError> {
        loop {
            let needed = self.check(&file)?;
            if file.memory.try_grow(needed) {
                return Ok(file);
            }
            drop(file);
            file = self.read_into(at, needed)?;
        }
    }

    /// Decodes a file for which memory has been [acquired](Reader::with_room).
    ///
    /// # Errors
    /// As for [`decode_at_least`].
    pub fn decode<'a>(&self, file: Held<'a>) -> Result<HeldPicture<'a>, DecodeError> {
        let Held { bytes, memory, .. } = file;
        let picture = decode_at_least(&bytes, &self.limits, self.at_least)?;
        Ok(HeldPicture { picture, _memory: memory })
    }
}

impl Held<'_> {
    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The cache key of the file.
    pub fn key(&self) -> Key {
        *self.key.get_or_init(|| Key::of(&self.bytes))
    }
}

impl std::ops::Deref for HeldPicture<'_> {
    type Target = Rgb;

    fn deref(&self) -> &Rgb {
        &self.picture
    }
}
