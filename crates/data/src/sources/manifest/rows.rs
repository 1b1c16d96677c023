//! Conversion of rows of named values to a listing; only this module knows the meaning of columns.

use std::borrow::Cow;
use std::path::Path;

use super::super::cells::{side, weight};
use super::super::columns::{ColumnNames, Columns, Role};
use super::super::label_cells::LabelCells;
use super::super::one_hot::{self, OneHot};
use super::super::shared_names::Names;
use super::super::{Listed, Listing, ListingProblem, Note, RowProblem, SkipReason, Skipped};
use super::paths::Paths;

/// A value of a row.
pub(super) enum Value<'a> {
    /// A text or a number; empty if missing.
    Text(Cow<'a, str>),
    /// A list of texts or numbers.
    Several(Vec<String>),
    /// Any other type.
    Other,
}

/// Collects rows into a listing.
pub(super) struct Rows<'a> {
    manifest: &'a Path,
    columns: Columns,
    paths: Paths<'a>,
    one_hot: Option<OneHot>,
    /// For each column, whether it may represent a class.
    may_be_class: Vec<bool>,
    listing: Listing,
    labels: LabelCells,
    groups: Names,
}

impl<'a> Rows<'a> {
    /// Creates a collector for columns of these names.
    ///
    /// # Errors
    /// A description of the problem.
    pub(super) fn new(
        manifest: &'a Path,
        names: Vec<String>,
        asked: &ColumnNames,
    ) -> Result<Self, ListingProblem> {
        let columns = Columns::of(names, asked)?;
        columns.check_path()?;
        let names = columns.classes.iter().map(|&column| columns.names[column].clone());
        let one_hot = (columns.classes.len() > 1)
            .then(|| OneHot::new(names.collect(), columns.asked_for_classes));
        let mut may_be_class = vec![false; columns.names.len()];
        if one_hot.is_some() {
            columns.classes.iter().for_each(|&column| may_be_class[column] = true);
        }
        let label = columns.column(Role::Label).map(|label| columns.names[label].as_str());
        let labels = LabelCells::new(label, asked);
        let folder = manifest.parent().unwrap_or(Path::new(""));
        Ok(Self {
            manifest,
            columns,
            paths: Paths::new(folder),
            one_hot,
            may_be_class,
            listing: Listing::default(),
            labels,
            groups: Names::default(),
        })
    }

    /// The number of columns.
    pub(super) fn len(&self) -> usize {
        self.columns.names.len()
    }

    /// Whether a column is needed.
    pub(super) fn reads(&self, column: usize) -> bool {
        self.columns.role(column).is_some() || self.may_be_class(column)
    }

    /// Whether a column may represent a class.
    pub(super) fn may_be_class(&self, column: usize) -> bool {
        self.may_be_class[column]
    }

    #[cfg(feature = "parquet")]
    pub(super) fn is_label(&self, column: usize) -> bool {
        self.columns.role(column) == Some(Role::Label)
    }

    #[cfg(feature = "parquet")]
    pub(super) fn is_path(&self, column: usize) -> bool {
        self.columns.role(column) == Some(Role::Path)
    }

    /// Adds the row `number`, reported as `UNIT NUMBER`: `line 7`. `values` has one for each column.
    ///
    /// # Errors
    /// An invalid value.
    pub(super) fn push(
        &mut self,
        unit: &str,
        number: &dyn Fn() -> u64,
        values: &[Value],
    ) -> Result<(), String> {
        let told = |reason: String| format!("{unit} {}, {reason}", number());
        let text =
            |role: Role| match self.columns.column(role).map(|column| (column, &values[column])) {
                None => Ok(""),
                Some((_, Value::Text(text))) => Ok(&**text),
                Some((column, Value::Several(_))) => Err(told(format!(
                    "column \"{}\" holds several values; one is needed",
                    self.columns.names[column]
                ))),
                Some((column, Value::Other)) => Err(told(format!(
                    "column \"{}\" is neither text nor a number",
                    self.columns.names[column]
                ))),
            };
        let path = text(Role::Path)?;
        if path.trim().is_empty() {
            self.skip(unit, number(), RowProblem::NoPath);
            return Ok(());
        }
        let subset = side(text(Role::Split)?.trim()).map_err(told)?;
        let weight = weight(text(Role::Weight)?.trim()).map_err(told)?;
        let group = text(Role::Group)?;
        let label = match self.columns.column(Role::Label).map(|column| &values[column]) {
            Some(Value::Several(names)) => self.labels.list(names),
            _ => {
                let cell = text(Role::Label)?;
                self.labels.cell(cell)
            }
        };
        let label = match label {
            Ok(label) => label,
            Err(bad) => {
                self.skip(unit, number(), RowProblem::Label(bad));
                return Ok(());
            }
        };
        let at = match self.paths.find(path) {
            Ok(at) => at,
            Err(problem) => {
                self.skip(unit, number(), problem);
                return Ok(());
            }
        };
        let group = self.groups.group(group);
        if let Some(one_hot) = &mut self.one_hot {
            let row = self.listing.pictures.len();
            for (class, &column) in self.columns.classes.iter().enumerate() {
                // A value that is not a text is not a 0, either.
                let value = if let Value::Text(value) = &values[column] { value } else { "" };
                one_hot.take(class, row, value);
            }
        }
        self.listing.pictures.push(Listed { at: at.into(), label, subset, group, weight });
        Ok(())
    }

    /// Skips a row.
    pub(super) fn skip(&mut self, unit: &str, number: u64, problem: RowProblem) {
        let place = format!("{unit} {number}");
        let reason = SkipReason::Row { place, problem: problem.into() };
        self.listing.skipped.push(Skipped::new(self.manifest, reason));
    }

    /// The listing of all rows.
    ///
    /// # Errors
    /// When columns represent classes but do not have valid class names.
    pub(super) fn finish(mut self) -> Result<Listing, String> {
        let names = match self.one_hot.take() {
            Some(one_hot) => one_hot::label(one_hot, &mut self.listing, self.labels.names())?,
            None => Vec::new(),
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let hint = self.labels.finish(&mut self.listing)?;
        let notes = [self.columns.note(&names, true), self.paths.note().map(Note::Text), hint];
        self.listing.notes.extend(notes.into_iter().flatten());
        Ok(self.listing)
    }
}
