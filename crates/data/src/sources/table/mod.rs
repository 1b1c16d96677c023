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

/// Maximum bytes for names of a table's rows, unless the file is larger; later rows are identified by number.
const NAMES: usize = 8 << 20;

/// Maximum number of values in columns of 0 and 1 together, or that many per byte of the file.
const MARKS: u64 = 1 << 24;
const MARKS_A_BYTE: u64 = 32;

/// A table whose columns are known.
struct Table {
    path: PathBuf,
    picture: usize,
    /// Names of the rows, concatenated; empty for rows identified by number.
    names: Vec<u8>,
    /// End of each row's name; empty if there is no column of names.
    ends: Vec<u64>,
    rows: Mutex<Rows>,
}

/// A picture in a row of a table. Any number of threads may read rows, preferably in about their order, since decoded
/// data is used for later rows, too.
#[derive(Clone)]
pub struct Row {
    table: Arc<Table>,
    row: u64,
}

/// Lists the rows of a table: pictures are in the only column of binary data, or the one named like pictures if there
/// are several; labels in a column `label` or with another usual name, of text or of integers, whose names are in the
/// metadata of Hugging Face's `datasets`, or in columns of 0 and 1; names beside the pictures; and `split`, `group` and
/// `weight` as in a manifest.
///
/// # Errors
/// The reason why there are no pictures in it.
pub(super) fn list(path: &Path, asked: &ColumnNames) -> Result<Listing, ListingProblem> {
    guarded(|| list_rows(path, asked)).unwrap_or_else(|said| Err(damaged(&said).into()))
}

fn list_rows(path: &Path, asked: &ColumnNames) -> Result<Listing, ListingProblem> {
    let file = ParquetFile::open(path, TEXTS).map_err(told)?;
    let columns = Columns::of(file.metadata(), asked)?;
    // A picture takes at least a byte, which limits the memory allocated.
    let rows = file.rows(file.len()).map_err(told)?;
    let mut skipped = Vec::new();
    let mut note =
        |reason: String| skipped.push(Skipped::new(path, SkipReason::Incomplete { reason }));

    let (mut names, mut ends) = (Vec::new(), Vec::new());
    // Equal names take no space in a file.
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

/// Labels all rows by columns that may each represent a class; returns those that do.
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
    /// `FILE/NAME`, or `FILE/ROW` with the row number, counted from 0, if it has no name.
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

    /// Reads like [`Location::read_with`](super::Location::read_with).
    pub(super) fn read(
        &self,
        limits: &Limits,
        room: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let Table { path, picture, rows, .. } = &*self.table;
        // Held while a batch is decoded, since waiting threads would need the same one, and while there is no room, or
        // waiting threads would keep a page each. Copying and everything after it happen without it.
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

    /// The table and the row number, which identify a row.
    pub(super) fn key(&self) -> (&Path, u64) {
        (&self.table.path, self.row)
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Row").field(&self.path()).finish()
    }
}
