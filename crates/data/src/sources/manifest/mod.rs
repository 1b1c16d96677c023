//! Tables that list pictures: CSV, JSON Lines and Parquet.
//!
//! There is a reader for each (`csv`, `jsonl`, `parquet`), which hands on rows of named values.
//! What a column means is known in one place (`rows`): `path` and, in any order and as far as there
//! are any, `label`, `split`, `group` and `weight`; others are passed over. Tables that other programs
//! have written may call the first two otherwise ([`ColumnNames`]). Names of columns are read
//! in any case of letters, spaces around a value (but for paths) do not count, and an empty value is
//! none.
//! - `path` counts from the manifest's folder on. It may name any file; whether it is a picture is told
//!   when it is decoded. What has no ending, or is written as on Windows, is looked for (`paths`).
//! - `labels`, in place of `label`, or another usual name, may be several classes with `|` between them:
//!   see [`Labels::to_cell`](super::Labels::to_cell); or a list, in JSON Lines and Parquet.
//! - Where there is no column of labels, columns of 0 and 1 are classes: a picture is of those where its
//!   row has a 1.
//! - `split` is `train` or `training`, `val`, `valid` or `validation`, or `test`.
//! - `weight` is how much the picture counts in training, a finite number from 0 on.
//!
//! What cannot be meant (another `split`, a `weight` below 0) is an error that names line and column:
//! there may be more of it. A row without a path, or with more or fewer fields than the header, is
//! skipped.

mod csv;
mod jsonl;
#[cfg_attr(not(feature = "parquet"), path = "without_parquet.rs")]
mod parquet;
mod paths;
mod rows;
mod write;

use std::path::Path;

use super::columns::ColumnNames;
use super::kind::FileKind;
use super::walk::cannot_be_read;
use super::{Listing, ListingProblem};
use crate::DataError;
use crate::decode::guarded;
pub use write::write;

/// Whether a file is a manifest: it is called `.csv`, `.tsv`, `.jsonl` or `.ndjson`, or it is a Parquet
/// file with a column of paths and without a column that holds pictures.
pub fn is_manifest(path: &Path) -> bool {
    is_manifest_of(path, &ColumnNames::default())
}

/// The same, where columns may have been named.
pub(super) fn is_manifest_of(path: &Path, columns: &ColumnNames) -> bool {
    is_csv(path)
        || is_jsonl(path)
        || (FileKind::of(path) == FileKind::Table && parquet::lists_paths(path, columns))
}

/// Reads a manifest, whose columns are found by their names.
///
/// # Errors
/// [`DataError::Manifest`] when the file cannot be read or understood.
pub fn read(path: &Path) -> Result<Listing, DataError> {
    read_as(path, &ColumnNames::default())
}

/// Reads a manifest, some of whose columns are named.
///
/// # Errors
/// As [`read`].
pub fn read_as(path: &Path, columns: &ColumnNames) -> Result<Listing, DataError> {
    list(path, columns).map_err(|reason| DataError::Manifest { path: path.to_owned(), reason })
}

/// The same, with what is wrong as half a line for people.
pub(super) fn list(path: &Path, columns: &ColumnNames) -> Result<Listing, ListingProblem> {
    let read = match (is_csv(path), is_jsonl(path)) {
        (true, _) => csv::read,
        (_, true) => jsonl::read,
        _ => parquet::read,
    };
    guarded(|| Ok(read(path, columns)?.finish()?))?
}

/// Whether a manifest in CSV is known by this name.
pub fn is_csv(path: &Path) -> bool {
    has_ending(path, ["csv", "tsv"])
}

/// Whether one in JSON Lines is.
fn is_jsonl(path: &Path) -> bool {
    has_ending(path, ["jsonl", "ndjson"])
}

fn has_ending(path: &Path, known: [&str; 2]) -> bool {
    let ending = path.extension().unwrap_or_default();
    known.iter().any(|known| ending.eq_ignore_ascii_case(known))
}
