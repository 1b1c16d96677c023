//! Data of a table's pictures besides their labels: sides, groups and weights.

use std::sync::Arc;

use parquet::file::reader::FileReader;

use super::super::Subset;
use super::super::cells::{side, weight};
use super::super::columns::Role;
use super::super::shared_names::Names;
use super::columns::{self, Columns};

/// One value per row for each existing column.
#[derive(Default)]
pub(super) struct Beside {
    sides: Vec<Option<Subset>>,
    groups: Vec<Option<Arc<str>>>,
    weights: Vec<f32>,
}

impl Beside {
    /// # Errors
    /// Invalid values, or failure to read.
    pub(super) fn read(file: &dyn FileReader, columns: &Columns) -> Result<Self, String> {
        let mut beside = Self::default();
        let mut known = Names::default();
        each(file, columns.others.column(Role::Split), &mut |text| {
            side(text).map(|side| beside.sides.push(side))
        })?;
        each(file, columns.others.column(Role::Group), &mut |group| {
            beside.groups.push(known.group(group));
            Ok(())
        })?;
        each(file, columns.others.column(Role::Weight), &mut |text| {
            weight(text).map(|weight| beside.weights.push(weight))
        })?;
        Ok(beside)
    }

    /// The side, the group and the weight of a row.
    pub(super) fn of(&self, row: usize) -> (Option<Subset>, Option<Arc<str>>, f32) {
        (
            self.sides.get(row).copied().flatten(),
            self.groups.get(row).cloned().flatten(),
            self.weights.get(row).copied().unwrap_or(1.0),
        )
    }
}

/// Passes on every row's value of a column, if there is one, as a trimmed text; empty if there is none.
fn each(
    file: &dyn FileReader,
    column: Option<usize>,
    take: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<(), String> {
    let Some(column) = column else { return Ok(()) };
    let (mut row, mut wrong) = (0_u64, None);
    columns::any_texts(file, column, &mut |text| {
        row += 1;
        let text = String::from_utf8_lossy(text.unwrap_or_default());
        if wrong.is_none()
            && let Err(reason) = take(text.trim())
        {
            wrong = Some(format!("row {row}, {reason}"));
        }
    })?;
    wrong.map_or(Ok(()), Err)
}
