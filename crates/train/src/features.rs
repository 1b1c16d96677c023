use std::{error::Error, fmt};

use super::TrainError;

/// Features that are read from wherever they are stored when they are needed, by several threads at once.
pub trait StoredFeatures: Sync {
    /// The number of rows.
    fn rows(&self) -> usize;

    /// Reads some rows, one after the other: as many values as `to` has room for. All must be finite;
    /// nobody else looks.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, rows: &[u32], to: &mut [f32]) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// The features of samples. Wherever they are, what is trained on them has the same bits.
#[derive(Clone, Copy)]
pub enum Features<'a> {
    /// In memory: n x dim, row-major.
    Memory(&'a [f32]),
    /// Anywhere else.
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
    /// Copies rows of `dim` values, one after the other.
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
