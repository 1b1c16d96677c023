use std::{error::Error, fmt};

use super::TrainError;

/// Features read on demand from any storage, by several threads at once.
pub trait StoredFeatures: Sync {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// Reads rows into `to`, one after another, until it is full. All values must be finite; they are not checked
    /// again.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, rows: &[u32], to: &mut [f32]) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// The features of samples. Training results are bitwise the same for either storage.
#[derive(Clone, Copy)]
pub enum Features<'a> {
    /// In memory: n x dim, row-major.
    Memory(&'a [f32]),
    /// In any other storage.
    Stored(&'a dyn StoredFeatures),
}

impl<'a> From<&'a [f32]> for Features<'a> {
    fn from(features: &'a [f32]) -> Self {
        Self::Memory(features)
    }
}

impl fmt::Debug for Features<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(features) => f.debug_tuple("Memory").field(features).finish(),
            Self::Stored(stored) => f.debug_tuple("Stored").field(&stored.rows()).finish(),
        }
    }
}

impl Features<'_> {
    /// Copies rows of `dim` values, one after another.
    pub(crate) fn read(self, dim: usize, rows: &[u32], to: &mut [f32]) -> Result<(), TrainError> {
        match self {
            Self::Memory(features) => {
                for (to, &row) in to.chunks_exact_mut(dim).zip(rows) {
                    to.copy_from_slice(&features[row as usize * dim..][..dim]);
                }
                Ok(())
            }
            Self::Stored(stored) => stored.read(rows, to).map_err(TrainError::Input),
        }
    }
}
