//! Pictures supplied by the program, such as those of a database.

use std::fmt;
use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;

use crate::decode::{DecodeError, Limits, Size, read_picture};

/// A picture whose bytes the program has, or fetches each time they are needed: once, or several times if training has
/// no room to keep it decoded.
#[derive(Clone)]
pub struct Provided {
    name: Arc<Path>,
    fetch: Arc<Fetch>,
}

type Fetch = dyn Fn() -> io::Result<Vec<u8>> + Send + Sync;

impl Provided {
    /// A picture called `name`, which must be unique in its source; `fetch` returns its file's bytes, on any thread.
    pub fn new(
        name: impl AsRef<Path>,
        fetch: impl Fn() -> io::Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.as_ref().into(), fetch: Arc::new(fetch) }
    }

    /// A picture whose file's bytes are in memory.
    pub fn from_bytes(name: impl AsRef<Path>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into();
        Self::new(name, move || Ok(bytes.to_vec()))
    }

    /// Its name.
    pub fn name(&self) -> &Path {
        &self.name
    }

    pub(super) fn read(
        &self,
        limits: &Limits,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let bytes = (self.fetch)()?;
        let size = Size::Known(bytes.len() as u64);
        read_picture(Cursor::new(bytes), size, limits, room)
    }
}

impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provided").field(&self.name).finish()
    }
}
