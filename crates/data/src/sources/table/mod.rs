//! Parquet files with a column of pictures.

mod beside;
pub(super) mod columns;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::errors::ParquetError;
use ::parquet::file::reader::FileReader;
use headstart_parquet::columns::texts;
use headstart_parquet::{ParquetFile, Rows, TEXTS};

use super::columns::{ColumnNames, Columns as Others, Role};
use super::label_cells::LabelCells;
use super::names::{joined, text_of, within};
use super::one_hot::{self, OneHot};
use super::parquet;
use super::shared_names::Names;
use super::{Labels, Listed, Listing, ListingProblem, SkipReason, Skipped};
use crate::decode::{DecodeError, Limits, Size, guarded, read_picture};
use beside::Beside;
use columns::{Columns, Value};

/// Bytes that the names of a table's rows may have, if they are not fewer than the file's: rows after
/// that go by their numbers.
const NAMES: usize = 8 << 20;

/// Values that columns of 0 and 1 may have together, or as many for each of the file's bytes.
const MARKS: u64 = 1 << 24;
const MARKS_A_BYTE: u64 = 32;

/// A table, of which the columns are known.
struct Table {
    path: PathBuf,
    picture: usize,
    /// Names of the rows, behind each other; empty where the row's number must do.
    names: Vec<u8>,
    /// Where each row's name ends; without elements if there is no column of names.
    ends: Vec<u64>,
    rows: Mutex<Rows>,
}

/// A picture in a row of a table. Rows are read best in about their order, by any number of
/// threads: what is decoded for one serves those after it.
#[derive(Clone)]
pub struct Row {
    table: Arc<Table>,
    row: u64,
}

/// Lists the rows of a table: pictures in the one column of binary data there is, or that named like
/// pictures where there are several; labels in a column `label` or called in another usual way, of text
/// or of integers, whose names are taken from the metadata of Hugging Face's `datasets`, or in columns
/// of 0 and 1; names beside the pictures; columns
/// `split`, `group` and `weight` as those of a manifest.
///
/// # Errors
/// The reason why there are no pictures in it.
pub(super) fn list(path: &Path, asked: &ColumnNames) -> Result<Listing, ListingProblem> {
    guarded(|| list_rows(path, asked)).unwrap_or_else(|said| Err(damaged(&said).into()))
}

fn list_rows(path: &Path, asked: &ColumnNames) -> Result<Listing, ListingProblem> {
    let file = ParquetFile::open(path, TEXTS).map_err(told)?;
    let columns = Columns::of(file.metadata(), asked)?;
    // No picture is smaller than a byte: memory is not taken for what cannot be there.
    let rows = file.rows(file.len()).map_err(told)?;
    let mut skipped = Vec::new();
    let mut note =
        |reason: String| skipped.push(Skipped::new(path, SkipReason::Incomplete { reason }));

    let (mut names, mut ends) = (Vec::new(), Vec::new());
    // Names that are all the same take no room in a file.
    let most = NAMES.max(usize::try_from(file.len()).unwrap_or(usize::MAX));
    if let Some(column) = columns.name {
        let read = texts(&file, column, &mut |name| {
            if let Ok(Some(name)) = within(name.unwrap_or_default())
                && names.len() + name.len() <= most
            {
                names.extend(name);
            }
            ends.push(names.len() as u64);
        });
        if let Err(error) = read {
            note(told(error));
        }
    }
    let label = columns.others.column(Role::Label);
    let name = label.map(|label| columns.others.names[label].as_str());
    let (mut labels, mut cells) = (Vec::new(), LabelCells::new(name, asked));
    if let Some(column) = label {
        let read = columns::labels(&file, column, &mut |value| {
            labels.push(match value {
                None => Ok(Labels::None),
                Some(Value::One(text)) => cells.cell(&text_of(text)),
                Some(Value::Several(texts)) => cells.list(&texts),
            });
        });
        if let Err(reason) = read {
            note(reason);
        }
    }
    let beside = Beside::read(&file, &columns)?;
    let table = Table {
        path: path.to_owned(),
        picture: columns.picture,
        names,
        ends,
        rows: Mutex::default(),
    };
    let table = Arc::new(table);
    let mut labels = labels.into_iter();
    let mut pictures = Vec::new();
    for row in 0..rows {
        let row = Row { table: table.clone(), row };
        let label = match labels.next() {
            Some(Ok(label)) => label,
            Some(Err(bad)) => {
                skipped.push(Skipped::new(row.path(), SkipReason::Label(bad)));
                continue;
            }
            None => Labels::None,
        };
        let (subset, group, weight) = beside.of(row.row as usize);
        pictures.push(Listed { at: row.into(), label, subset, group, weight });
    }
    let mut listing = Listing { pictures, skipped, notes: Vec::new() };
    let classes = match columns.others.classes.len() {
        0 | 1 => Vec::new(),
        _ => label_by_marks(&file, &columns.others, rows, &mut listing, cells.names())?,
    };
    let classes: Vec<&str> = classes.iter().map(String::as_str).collect();
    let hint = cells.finish(&mut listing)?;
    listing.notes.extend(columns.others.note(&classes, false).into_iter().chain(hint));
    Ok(listing)
}

/// Labels all rows by columns of which each may stand for a class; returns those that do.
fn label_by_marks(
    file: &ParquetFile,
    others: &Others,
    rows: u64,
    listing: &mut Listing,
    known: &mut Names,
) -> Result<Vec<String>, String> {
    let columns = &others.classes;
    let values = rows.saturating_mul(columns.len() as u64);
    if values > MARKS.max(file.len().saturating_mul(MARKS_A_BYTE)) {
        return Err("declares more values than it can have".to_owned());
    }
    let names = columns.iter().map(|&column| others.names[column].clone()).collect();
    let mut one_hot = OneHot::new(names, others.asked_for_classes);
    for (class, &column) in columns.iter().enumerate() {
        let mut row = 0;
        columns::any_texts(file, column, &mut |value| {
            let value = value.and_then(|value| std::str::from_utf8(value).ok());
            one_hot.take(class, row, value.unwrap_or_default());
            row += 1;
        })?;
    }
    one_hot::label(one_hot, listing, known)
}

fn told(error: ParquetError) -> String {
    parquet::told(error, damaged)
}

fn damaged(reason: &str) -> String {
    format!("a Parquet file that cannot be read ({reason})")
}

impl Row {
    /// `FILE/NAME`, or `FILE/ROW` with the row's number, from 0 on, where it has no name.
    pub(super) fn path(&self) -> PathBuf {
        let row = self.row as usize;
        let Some(&end) = self.table.ends.get(row) else { return self.numbered() };
        let start = row.checked_sub(1).map_or(0, |before| self.table.ends[before]);
        match &self.table.names[start as usize..end as usize] {
            b"" => self.numbered(),
            name => joined(&self.table.path, name),
        }
    }

    fn numbered(&self) -> PathBuf {
        joined(&self.table.path, self.row.to_string().as_bytes())
    }

    /// As [`Location::read_with`](super::Location::read_with).
    pub(super) fn read(
        &self,
        limits: &Limits,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let Table { path, picture, rows, .. } = &*self.table;
        // Held while a batch is decoded: whoever waits would need the same one. Held while there is no
        // room, too, or threads that wait would keep a page each. Copying, and all that follows, is
        // done without it.
        let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = rows.get(path, *picture, self.row, limits.max_file_bytes)?;
        let bytes = bytes.ok_or(DecodeError::NotAPicture { what: "nothing in this row" })?;
        let size = Size::Known(bytes.len() as u64);
        let mut rows = Some(rows);
        read_picture(bytes.data(), size, limits, &mut |bytes| {
            let is_there = room(bytes);
            rows = None;
            is_there
        })
    }

    /// The table and the number in it: what tells rows apart.
    pub(super) fn key(&self) -> (&Path, u64) {
        (&self.table.path, self.row)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Row").field(&self.path()).finish()
    }
}
