//! A selection of pictures and their labelling.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::list::list_source_as;
use super::metadata::Metadata;
use super::shards::is_sharded;
use super::{ColumnNames, Dataset, Listing, PathPattern, Subset, manifest};
use crate::DataError;

/// A place with pictures, and the origin of their labels and groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// A folder, or a file that lists or contains pictures.
    pub path: PathBuf,
    /// Finds each picture's label in its path, instead of in folder names and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_from: Option<PathPattern>,
    /// Finds each picture's group in its path, instead of in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_from: Option<PathPattern>,
    /// The roles of a table's columns.
    #[serde(default, skip_serializing_if = "ColumnNames::is_empty")]
    pub columns: ColumnNames,
    /// Whether a picture that occurs several times with different labels, by location or pixels, is one picture with
    /// all of them: see [`Labels`](super::Labels).
    #[serde(default)]
    pub multi_label: bool,
}

impl Source {
    /// Creates a source whose pictures are labelled by folders or columns.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            label_from: None,
            group_from: None,
            columns: ColumnNames::default(),
            multi_label: false,
        }
    }

    /// Lists the pictures, including those without a label.
    ///
    /// # Errors
    /// When the path does not exist, a file that lists pictures cannot be parsed, or a pattern matches no path.
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

    /// The pictures for training.
    ///
    /// # Errors
    /// When there is nothing to train on, and as for [`Source::list`].
    pub fn dataset(&self) -> Result<Dataset, DataError> {
        if self.is_plain() {
            return Dataset::open(&self.path);
        }
        Dataset::from_listing(&self.path, self.list()?)
    }

    /// The pictures for training, and those of `validation`, labelled in the same way, for validation. Test pictures of
    /// either are left out, and the first source's own validation pictures are used for validation, too.
    ///
    /// # Errors
    /// As for [`Source::dataset`], and [`DataError::NothingToValidate`].
    pub fn dataset_with(&self, validation: &Path) -> Result<Dataset, DataError> {
        let dataset = self.with_others(validation)?;
        if !dataset.items.iter().any(|item| item.subset == Some(Subset::Validation)) {
            return Err(DataError::NothingToValidate { path: validation.to_owned() });
        }
        Ok(dataset)
    }

    fn with_others(&self, validation: &Path) -> Result<Dataset, DataError> {
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

    /// Whether labels are given only by folders, one per picture, and there are no groups.
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
