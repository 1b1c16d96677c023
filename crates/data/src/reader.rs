//! Pictures read and decoded by many threads in bounded memory.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::budget::{DEFAULT_MEMORY, MemoryBudget, MemoryGuard};
use crate::cache::Key;
use crate::decode::{MinSize, decode_at_least, estimated_bytes_at_least};
use crate::{DecodeError, Limits, Location, Rgb};

/// Reads and decodes pictures, any number of threads at once, which together keep to a bound of memory:
/// for files as for what is made of them, each taken before it is needed.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    at_least: MinSize,
    memory: Arc<MemoryBudget>,
}

/// A file's bytes, in memory that is taken until this is dropped.
#[derive(Debug)]
pub struct Held<'a> {
    bytes: Vec<u8>,
    key: OnceCell<Key>,
    memory: MemoryGuard<'a>,
}

/// A picture, in memory that is taken until this is dropped.
#[derive(Debug)]
pub struct HeldPicture<'a> {
    picture: Rgb,
    _memory: MemoryGuard<'a>,
}

impl Reader {
    /// Of pictures that are decoded to no less than `at_least`, in so many bytes, all threads together; a
    /// picture that needs more is refused. When `None` these are [`DEFAULT_MEMORY`], and what needs more
    /// waits until it is alone.
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

    /// One that decodes to no less than another size, in the same memory.
    #[must_use]
    pub fn with_size(&self, at_least: MinSize) -> Self {
        Self { limits: self.limits, at_least, memory: self.memory.clone() }
    }

    /// What a picture may cost.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads a picture's file.
    ///
    /// # Errors
    /// As [`Location::read`].
    pub fn read(&self, at: &Location) -> Result<Held<'_>, DecodeError> {
        self.read_into(at, 0)
    }

    /// Reads a picture's file into this much memory, or more where the file is larger.
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
            // Where there were more bytes than expected, and no room for them, all is given back first.
            if let Some(bytes) = at.read_with(&self.limits, &mut room)? {
                let memory = held.expect("room was asked for");
                return Ok(Held { bytes, key: OnceCell::new(), memory });
            }
        }
    }

    /// Whether a picture may be decoded: so many bytes does it take, its file's included.
    ///
    /// # Errors
    /// When it takes more than a picture may. What else is wrong with it is told by decoding it.
    pub fn check(&self, file: &Held<'_>) -> Result<u64, DecodeError> {
        let limit = self.limits.max_bytes;
        match estimated_bytes_at_least(&file.bytes, &self.limits, self.at_least) {
            needed if needed > limit => Err(DecodeError::TooMuchMemory { limit }),
            needed => Ok(needed),
        }
    }

    /// Takes the memory that decoding a file needs, too. Where there is none at the moment the file's is
    /// given back, since others may be waiting for that, and the file read again when there is enough
    /// for all.
    ///
    /// # Errors
    /// As [`Reader::check`] and [`Reader::read`].
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

    /// Decodes a file for which [there is room](Reader::with_room).
    ///
    /// # Errors
    /// As [`decode_at_least`].
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

    /// By which the cache knows the file.
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
