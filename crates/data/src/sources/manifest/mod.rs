//! Tables that list pictures: CSV and Parquet.
//!
//! The columns are `path` and, in any order and as far as there are any, `label`, `split`, `group`
//! and `weight`; others are passed over. Names of columns are read in any case of letters, spaces
//! around a value (but for paths) do not count, and an empty value is none.
//! - `path` counts from the manifest's folder on. It may name any file; whether it is there and is a
//!   picture is told when it is decoded.
//! - `split` is `train` or `training`, `val`, `valid` or `validation`, or `test`.
//! - `weight` is how much the picture counts in training, a finite number from 0 on.
//!
//! What cannot be meant (another `split`, a `weight` below 0) is an error that names line and column:
//! there may be more of it. A row without a path, or with more or fewer fields than the header, is
//! skipped.

mod csv;
mod parquet;
mod write;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::kind::Kind;
use super::walk::{cannot_be_read, skipped};
use super::{Listed, Listing, Subset};
use crate::DataError;
use crate::decode::guarded;
pub use write::write;

/// Whether a file is a manifest: it is called `.csv` or `.tsv`, or it is a Parquet file with a column
/// `path` and without a column that holds pictures.
pub fn is_manifest(path: &Path) -> bool {
    is_csv(path) || (Kind::of(path) == Kind::Table && parquet::lists_paths(path))
}

/// Reads a manifest.
///
/// # Errors
/// [`DataError::Manifest`] when the file cannot be read or understood.
pub fn read(path: &Path) -> Result<Listing, DataError> {
    list(path).map_err(|reason| DataError::Manifest { path: path.to_owned(), reason })
}

/// The same, with what is wrong as half a line for people.
pub(super) fn list(path: &Path) -> Result<Listing, String> {
    let mut rows = Rows::new(path);
    let read = if is_csv(path) { csv::read } else { parquet::read };
    guarded(|| read(path, &mut rows)).and_then(|read| read)?;
    Ok(rows.listing)
}

/// Whether a manifest in CSV is known by this name.
pub fn is_csv(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ["csv", "tsv"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// A column that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Path,
    Label,
    Split,
    Group,
    Weight,
}

impl Column {
    const ALL: [(&str, Self); 5] = [
        ("path", Self::Path),
        ("label", Self::Label),
        ("split", Self::Split),
        ("group", Self::Group),
        ("weight", Self::Weight),
    ];

    fn named(name: &str) -> Option<Self> {
        let known = |(own, _): &&(&str, Self)| own.eq_ignore_ascii_case(name.trim());
        Self::ALL.iter().find(known).map(|(_, column)| *column)
    }

    /// The columns that have these names; one must be `path`, and none may be there twice.
    fn all<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Option<Self>>, String> {
        let names: Vec<&str> = names.collect();
        let columns: Vec<Option<Self>> = names.iter().map(|name| Self::named(name)).collect();
        for (name, own) in Self::ALL {
            let count = columns.iter().filter(|column| **column == Some(own)).count();
            if count > 1 {
                return Err(format!("has {count} columns \"{name}\"; leave one"));
            }
            if own == Self::Path && count == 0 {
                if names.iter().all(|name| name.trim().is_empty()) {
                    return Err(
                        "has no header; name the columns in its first line: path,label".to_owned()
                    );
                }
                let names: Vec<_> =
                    names.iter().map(|name| name.escape_debug().to_string()).collect();
                let names = names.join(", ");
                return Err(format!(
                    "has no column \"path\" in its first line; it has: {names}; call the one with the pictures' paths that"
                ));
            }
        }
        Ok(columns)
    }
}

/// A row's values; an empty one is none.
#[derive(Default)]
struct Row<'a> {
    path: &'a str,
    label: &'a str,
    split: &'a str,
    group: &'a str,
    weight: &'a str,
}

impl<'a> Row<'a> {
    fn set(&mut self, column: Column, value: &'a str) {
        match column {
            Column::Path => self.path = value,
            Column::Label => self.label = value.trim(),
            Column::Split => self.split = value.trim(),
            Column::Group => self.group = value.trim(),
            Column::Weight => self.weight = value.trim(),
        }
    }
}

/// Rows become a listing.
struct Rows<'a> {
    manifest: &'a Path,
    folder: &'a Path,
    listing: Listing,
    /// Labels and groups, of which many rows have the same.
    texts: HashSet<Arc<str>>,
}

impl<'a> Rows<'a> {
    fn new(manifest: &'a Path) -> Self {
        let folder = manifest.parent().unwrap_or(Path::new(""));
        Self { manifest, folder, listing: Listing::default(), texts: HashSet::new() }
    }

    /// Takes a row; `place` tells where it is, such as `line 7`.
    fn push(&mut self, place: &dyn Fn() -> String, row: &Row) -> Result<(), String> {
        if row.path.trim().is_empty() {
            self.skip(format!("{} has no path", place()));
            return Ok(());
        }
        let told = |reason| format!("{}, {reason}", place());
        let subset = side(row.split).map_err(told)?;
        let weight = weight(row.weight).map_err(told)?;
        if row.label.contains(char::is_control) {
            let place = place();
            self.skip(format!("{place} has a label with control characters ({:?})", row.label));
            return Ok(());
        }
        let (label, group) = (self.text(row.label), self.text(row.group));
        let at: PathBuf = self.folder.join(row.path);
        self.listing.pictures.push(Listed { at: at.into(), label, subset, group, weight });
        Ok(())
    }

    fn skip(&mut self, reason: String) {
        self.listing.skipped.push(skipped(self.manifest.to_owned(), &reason));
    }

    fn text(&mut self, text: &str) -> Option<Arc<str>> {
        if text.is_empty() {
            return None;
        }
        if let Some(known) = self.texts.get(text) {
            return Some(known.clone());
        }
        let new: Arc<str> = text.into();
        self.texts.insert(new.clone());
        Some(new)
    }
}

/// The side that a value of the column `split` means.
///
/// # Errors
/// What is wrong with it.
pub(super) fn side(text: &str) -> Result<Option<Subset>, String> {
    match (text, Subset::named(text)) {
        ("", _) => Ok(None),
        (_, None) => {
            Err(format!("column \"split\": {text:?} is no side; give train, validation or test"))
        }
        (_, side) => Ok(side),
    }
}

/// What a value of the column `weight` means; 1 if there is none.
///
/// # Errors
/// What is wrong with it.
pub(super) fn weight(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        _ if text.is_empty() => Ok(1.0),
        Ok(weight) if weight.is_finite() && weight >= 0.0 => Ok(weight),
        _ => Err(format!("column \"weight\": {text:?} is no weight; give a number from 0 on")),
    }
}
