//! In place of manifests in Parquet, in a build that leaves them out.

use std::path::Path;

use super::super::ListingProblem;
use super::super::columns::ColumnNames;
use super::super::kind::not_in_this_build;
use super::rows::Rows;

/// None is known to.
pub(super) fn lists_paths(_: &Path, _: &ColumnNames) -> bool {
    false
}

/// # Errors
/// That this build does not.
pub(super) fn read<'a>(_: &'a Path, _: &ColumnNames) -> Result<Rows<'a>, ListingProblem> {
    Err(not_in_this_build().into())
}
