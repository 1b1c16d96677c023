//! The labels of files of features, of which there may be many millions.

use std::collections::HashMap;
use std::path::Path;

use super::super::columns::ColumnNames;
use super::super::label_cells::LabelCells;
use super::super::{BadClassName, Labels, Listed, Listing, Note};
use super::{Cell, FeatureFile, Problem};
use crate::DataError;

/// The labels of the rows of some files.
#[derive(Clone, Debug, Default)]
pub struct FeatureLabels {
    /// Those that are different.
    pub distinct: Vec<Labels>,
    /// Which each row has.
    pub of_rows: Vec<u32>,
    /// How they were understood, where that does not go without saying.
    pub notes: Vec<Note>,
}

impl FeatureLabels {
    /// Of files, one after the other.
    ///
    /// # Errors
    /// When one has no labels, with the columns that it has, or they cannot be read.
    pub fn read(files: &[FeatureFile], asked: &ColumnNames) -> Result<Self, DataError> {
        let name = files.iter().find_map(|file| file.contents.label_name());
        let mut cells = LabelCells::new(name, asked);
        let (mut found, mut numbers) = (Self::default(), HashMap::new());
        for file in files {
            let (first, mut wrong) = (found.of_rows.len(), None);
            let read = file.contents.labels(&mut |cell| {
                let labels = match cell {
                    Cell::None => Ok(Labels::None),
                    Cell::Text(text) => cells.cell(text),
                    Cell::List(list) => cells.list(list),
                };
                let labels = labels.unwrap_or_else(|bad| {
                    wrong.get_or_insert((found.of_rows.len() - first + 1, bad));
                    Labels::None
                });
                let key = labels.is_some().then(|| (labels.as_deref().is_some(), labels.to_cell()));
                let number = *numbers.entry(key).or_insert_with(|| {
                    found.distinct.push(labels);
                    found.distinct.len() as u32 - 1
                });
                found.of_rows.push(number);
            });
            read.map_err(|problem| problem.of(&file.path))?;
            if let Some((row, bad)) = wrong {
                return Err(refused(&file.path, row, &bad));
            }
            let rows = found.of_rows.len() - first;
            if rows != file.rows {
                let reason = format!("has labels for {rows} rows, and features for {}", file.rows);
                return Err(Problem::from(reason).of(&file.path));
            }
        }
        found.settle(&cells).map_err(|reason| {
            let path = files.first().map_or(Path::new(""), |file| &file.path);
            Problem::from(reason).of(path)
        })?;
        Ok(found)
    }

    /// Settles what the labels of all rows are, as of a table of pictures.
    fn settle(&mut self, cells: &LabelCells) -> Result<(), String> {
        let picture = |labels: &Labels| Listed::new("", labels.clone(), None);
        let pictures = self.distinct.iter().map(picture).collect();
        let mut listing = Listing { pictures, ..Listing::default() };
        self.notes.extend(cells.finish(&mut listing)?);
        self.distinct = listing.pictures.into_iter().map(|picture| picture.label).collect();
        Ok(())
    }
}

fn refused(path: &Path, row: usize, bad: &BadClassName) -> DataError {
    Problem::from(format!("row {row}: {bad}")).of(path)
}
