//! The pictures of a job.

use std::path::PathBuf;

use headstart_data::{Source, SplitConfig};
use serde::{Deserialize, Serialize};

use crate::config::setters;
use crate::{Duplicates, Error, Pictures};

/// Labelled pictures and their split, from which [`Pictures`] are opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PictureSource {
    /// A folder, a manifest, an archive or a table, and where labels and groups come from.
    pub from: Source,
    /// Other pictures to evaluate on, labelled in the same way.
    #[serde(default)]
    pub validation: Option<PathBuf>,
    /// The share that is held back, unless the split is specified elsewhere.
    #[serde(default)]
    pub split: SplitConfig,
    /// Which duplicates are searched for; see [`Pictures::with_duplicates`].
    #[serde(default)]
    pub duplicates: Option<Duplicates>,
}

setters!(PictureSource {
    /// Sets other pictures to evaluate on.
    with_validation_from => validation: impl Into<Option<PathBuf>>,
    /// Sets which duplicates are searched for.
    with_duplicates => duplicates: impl Into<Option<Duplicates>>,
});

impl PictureSource {
    /// The pictures of a folder or another source, a fifth of which is held back.
    pub fn new(from: impl Into<Source>) -> Self {
        let split = SplitConfig::default();
        Self { from: from.into(), validation: None, split, duplicates: None }
    }

    /// Holds back this share of each class, in `0..1`. The seed decides which pictures are held back.
    #[must_use]
    pub fn with_validation(mut self, share: f64, seed: u64) -> Self {
        self.split = SplitConfig { validation: share, seed };
        self
    }

    /// Lists the pictures.
    ///
    /// # Errors
    /// When there is nothing to train on.
    pub fn open(&self) -> Result<Pictures, Error> {
        let from = self.from.clone();
        let pictures = match &self.validation {
            Some(validation) => Pictures::open_with_validation(from, validation)?,
            None => Pictures::open(from)?,
        };
        let pictures = pictures.with_validation(self.split.validation, self.split.seed);
        Ok(match self.duplicates {
            Some(duplicates) => pictures.with_duplicates(duplicates),
            None => pictures,
        })
    }
}
