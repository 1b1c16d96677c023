//! The labels of feature files, which may have many millions of rows.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use headstart_model::class_name::class_name;

use super::super::columns::ColumnNames;
use super::super::label_cells::LabelCells;
use super::super::{BadClassName, Labels, Listed, Listing, Note};
use super::marks::MarkedRows;
use super::{Cell, FeatureFile, Problem};
use crate::DataError;

/// The labels of the rows of several files.
#[derive(Clone, Debug, Default)]
pub struct FeatureLabels {
    /// The distinct labels.
    pub distinct: Vec<Labels>,
    /// The index of each row's label.
    pub of_rows: Vec<u32>,
    /// How they were interpreted, if that is not obvious.
    pub notes: Vec<Note>,
}

impl FeatureLabels {
    /// Reads the labels of files, one after another.
    ///
    /// # Errors
    /// When one has no labels, with the columns it has, or they cannot be read.
    pub fn read(files: &[FeatureFile], asked: &ColumnNames) -> Result<Self, DataError> {
        if asked.labels.len() > 1 {
            return Self::by_marks(files, &asked.labels);
        }
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
            check_rows(file, found.of_rows.len() - first)?;
        }
        found.settle(&cells).map_err(|reason| {
            let path = files.first().map_or(Path::new(""), |file| &file.path);
            Problem::from(reason).of(path)
        })?;
        Ok(found)
    }

    /// Reads labels from columns of these names, which represent a class each.
    fn by_marks(files: &[FeatureFile], names: &[String]) -> Result<Self, DataError> {
        let mut marked = MarkedRows::new(names);
        for file in files {
            let (first, mut rows) = (marked.add(file.rows), 0);
            let read = file.contents.marks(&mut |class, row, text| {
                rows = rows.max(row + 1);
                if row < file.rows {
                    marked.take(first + row, class, text, row);
                }
            });
            read.map_err(|problem| problem.of(&file.path))?;
            check_rows(file, rows)?;
            if let Some(reason) = marked.odd() {
                return Err(Problem::from(reason).of(&file.path));
            }
        }
        let mut classes: Vec<Arc<str>> = Vec::with_capacity(names.len());
        for name in names {
            let name = class_name(name).map_err(|bad| {
                let path = files.first().map_or(Path::new(""), |file| &file.path);
                Problem::from(bad.to_string()).of(path)
            })?;
            classes.push(name.into());
        }
        let (sets, of_rows) = marked.finish();
        let set = |set: Vec<usize>| Labels::set(set.into_iter().map(|at| classes[at].clone()));
        let picture = |labels: Labels| Listed::new("", labels, None);
        let pictures = sets.into_iter().map(set).map(picture).collect();
        let mut listing = Listing { pictures, ..Listing::default() };
        listing.settle();
        let distinct = listing.pictures.into_iter().map(|picture| picture.label).collect();
        Ok(Self { distinct, of_rows, notes: Vec::new() })
    }

    /// Determines the final labels of all rows, as for a table of pictures.
    fn settle(&mut self, cells: &LabelCells) -> Result<(), String> {
        let picture = |labels: &Labels| Listed::new("", labels.clone(), None);
        let pictures = self.distinct.iter().map(picture).collect();
        let mut listing = Listing { pictures, ..Listing::default() };
        self.notes.extend(cells.finish(&mut listing)?);
        self.distinct = listing.pictures.into_iter().map(|picture| picture.label).collect();
        Ok(())
    }
}

fn check_rows(file: &FeatureFile, labelled: usize) -> Result<(), DataError> {
    if labelled == file.rows {
        return Ok(());
    }
    let reason = format!("has labels for {labelled} rows, and features for {}", file.rows);
    Err(Problem::from(reason).of(&file.path))
}

fn refused(path: &Path, row: usize, bad: &BadClassName) -> DataError {
    Problem::from(format!("row {row}: {bad}")).of(path)
}
