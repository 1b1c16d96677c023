//! What pictures, and how they are labelled.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::list::list_source_as;
use super::metadata::Metadata;
use super::shards::is_sharded;
use super::{ColumnNames, Dataset, Listing, PathPattern, Subset, manifest};
use crate::DataError;

/// A place with pictures, and where their labels and groups are from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// A folder, or a file that lists or holds pictures.
    pub path: PathBuf,
    /// Finds each picture's label in its path, in place of folders' names and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_from: Option<PathPattern>,
    /// Finds each picture's group in its path, in place of a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_from: Option<PathPattern>,
    /// Which columns of a table hold what.
    #[serde(default, skip_serializing_if = "ColumnNames::is_empty")]
    pub columns: ColumnNames,
    /// Whether a picture that is there several times under several labels, by its place or its pixels,
    /// is one that has all of them: see [`Labels`](super::Labels).
    #[serde(default)]
    pub multi_label: bool,
}

impl Source {
    /// A place whose pictures are labelled as folders or columns have it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            label_from: None,
            group_from: None,
            columns: ColumnNames::default(),
            multi_label: false,
        }
    }

    /// Lists the pictures, those without a label too.
    ///
    /// # Errors
    /// When nothing is there, a file that lists pictures cannot be understood, or a pattern matches
    /// no path.
    pub fn list(&self) -> Result<Listing, DataError> {
        let path = &self.path;
        let columns = &self.columns;
        let mut listing = match Metadata::labels(path) {
            Some(table) => {
                let mut listing = manifest::read_as(&table, columns)?;
                listing.notes.insert(0, Metadata::Labels(table).note().into());
                listing
            }
            None if path.is_file() && manifest::is_manifest_of(path, columns) => {
                manifest::read_as(path, columns)?
            }
            None => list_source_as(path, columns)?,
        };
        if let Some(pattern) = &self.label_from {
            pattern.label(&mut listing, path)?;
        }
        if let Some(pattern) = &self.group_from {
            pattern.group(&mut listing, path)?;
        }
        if self.multi_label {
            listing.make_multi_label();
        }
        Ok(listing)
    }

    /// The pictures to learn from.
    ///
    /// # Errors
    /// When there is nothing to learn from, and as [`Source::list`].
    pub fn dataset(&self) -> Result<Dataset, DataError> {
        if self.is_plain() {
            return Dataset::open(&self.path);
        }
        Dataset::from_listing(&self.path, self.list()?)
    }

    /// The pictures to learn from, and those of `validation`, labelled in the same way, to measure on.
    /// What either keeps for testing stays out, and what the first itself gives to validation is
    /// measured on, too.
    ///
    /// # Errors
    /// As [`Source::dataset`].
    pub fn dataset_with(&self, validation: &Path) -> Result<Dataset, DataError> {
        let other = Self { path: validation.to_owned(), ..self.clone() };
        if self.is_plain() && other.is_plain() {
            return Dataset::open_split(&self.path, validation);
        }
        let (mut all, mut measured) = (self.list()?, other.list()?);
        for picture in &mut all.pictures {
            picture.subset.get_or_insert(Subset::Train);
        }
        for picture in measured.pictures.iter_mut().filter(|p| p.subset != Some(Subset::Test)) {
            picture.subset = Some(Subset::Validation);
        }
        all.pictures.append(&mut measured.pictures);
        all.skipped.append(&mut measured.skipped);
        for note in measured.notes {
            if !all.notes.contains(&note) {
                all.notes.push(note);
            }
        }
        Dataset::from_listing(&self.path, all)
    }

    /// Whether folders give the labels, one each, and nothing gives groups.
    fn is_plain(&self) -> bool {
        let labelled = self.label_from.is_some() || self.multi_label;
        let given = labelled || self.group_from.is_some() || !self.columns.is_empty();
        let table = Metadata::labels(&self.path);
        !(given || self.path.is_file() || table.is_some() || is_sharded(&self.path))
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Source {
    fn from(path: &P) -> Self {
        Self::new(path.as_ref())
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::new(path)
    }
}
