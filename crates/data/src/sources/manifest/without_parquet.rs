//! A substitute for Parquet manifests in a build without Parquet support.

use std::path::Path;

use super::super::ListingProblem;
use super::super::columns::ColumnNames;
use super::super::kind::not_in_this_build;
use super::rows::Rows;

/// Always false.
pub(super) fn lists_paths(_: &Path, _: &ColumnNames) -> bool {
    false
}

/// # Errors
/// Always: this build does not support Parquet.
pub(super) fn read<'a>(_: &'a Path, _: &ColumnNames) -> Result<Rows<'a>, ListingProblem> {
    Err(not_in_this_build().into())
}
