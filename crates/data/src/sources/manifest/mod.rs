//! Tables that list pictures: CSV, JSON Lines and Parquet.
//!
//! Each format has a reader (`csv`, `jsonl`, `parquet`) that produces rows of named values. The meaning of columns is
//! defined in one place (`rows`): `path` and, optionally and in any order, `label`, `split`, `group` and `weight`;
//! others are ignored. Tables of other programs may use other names for the first two ([`ColumnNames`]). Column names
//! are case-insensitive, spaces around a value (except for paths) are ignored, and an empty value counts as missing.
//! - `path` is relative to the manifest's folder. It may name any file; decoding determines whether it is a picture.
//!   Paths without extension or in Windows notation are resolved by `paths`.
//! - `labels`, in place of `label`, or another usual name, may contain several classes separated by `|`: see
//!   [`Labels::to_cell`](super::Labels::to_cell); or a list, in JSON Lines and Parquet.
//! - Without a column of labels, columns of 0 and 1 are classes: a picture belongs to those where its row has a 1.
//! - `split` is `train` or `training`, `val`, `valid` or `validation`, or `test`.
//! - `weight` is the picture's weight in training, a finite non-negative number.
//!
//! Invalid values (another `split`, a negative `weight`) are errors that name line and column, since there may be more
//! of them. A row without a path, or with more or fewer fields than the header, is skipped.

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

/// Whether a file is a manifest: its extension is `.csv`, `.tsv`, `.jsonl` or `.ndjson`, or it is a Parquet file with a
/// column of paths and no column of pictures.
pub fn is_manifest(path: &Path) -> bool {
    is_manifest_of(path, &ColumnNames::default())
}

/// The same, if columns may have been specified.
pub(super) fn is_manifest_of(path: &Path, columns: &ColumnNames) -> bool {
    is_csv(path)
        || is_jsonl(path)
        || (FileKind::of(path) == FileKind::Table && parquet::lists_paths(path, columns))
}

/// Reads a manifest, whose columns are recognised by their names.
///
/// # Errors
/// [`DataError::Manifest`] when the file cannot be read or parsed.
pub fn read(path: &Path) -> Result<Listing, DataError> {
    read_as(path, &ColumnNames::default())
}

/// Reads a manifest, some of whose columns are specified.
///
/// # Errors
/// As for [`read`].
pub fn read_as(path: &Path, columns: &ColumnNames) -> Result<Listing, DataError> {
    list(path, columns).map_err(|reason| DataError::Manifest { path: path.to_owned(), reason })
}

/// The same, with problems described in half a line for people.
pub(super) fn list(path: &Path, columns: &ColumnNames) -> Result<Listing, ListingProblem> {
    let read = match (is_csv(path), is_jsonl(path)) {
        (true, _) => csv::read,
        (_, true) => jsonl::read,
        _ => parquet::read,
    };
    guarded(|| Ok(read(path, columns)?.finish()?))?
}

/// Whether a path has the name of a CSV manifest.
pub fn is_csv(path: &Path) -> bool {
    has_ending(path, ["csv", "tsv"])
}

/// Whether a path has the name of a JSON Lines manifest.
fn is_jsonl(path: &Path) -> bool {
    has_ending(path, ["jsonl", "ndjson"])
}

fn has_ending(path: &Path, known: [&str; 2]) -> bool {
    let ending = path.extension().unwrap_or_default();
    known.iter().any(|known| ending.eq_ignore_ascii_case(known))
}
