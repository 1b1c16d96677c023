//! The rows of a column of pictures, which are packed such that one cannot be had alone.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::columns::{fewer_rows, spread};
use super::reason;
use crate::decode::guard::guarded;

/// Rows of a batch, unless they are large.
const ROWS: u64 = 64;
/// Rows that are decoded between two looks at how many bytes there are.
const STEP: u64 = 8;
/// Bytes after which a batch ends early.
const BYTES: usize = 32 << 20;
/// Batches that are kept. Several threads ask for rows in order, but not quite: one may ask for the
/// last of a batch when another has begun the next.
const KEPT: usize = 2;

/// Decodes batches of rows one after the other, and keeps the last.
///
/// Rows asked for in about their order are decoded once. Any other is found too, but all of its row
/// group that lie before it must be decoded for it.
#[derive(Default)]
pub(super) struct Rows {
    open: Option<Open>,
    batches: VecDeque<Batch>,
    /// Rows that cannot be read, and why: what follows a damaged page in its row group.
    failed: Vec<(Range<u64>, String)>,
}

struct Open {
    file: SerializedFileReader<File>,
    column: usize,
    /// The row group that is being read.
    group: Option<Group>,
}

struct Group {
    pages: ColumnReaderImpl<ByteArrayType>,
    /// The level of a value that is there.
    whole: i16,
    /// The row that comes next, and that after the group's last.
    next: u64,
    end: u64,
}

struct Batch {
    start: u64,
    /// Slices of the pages.
    pictures: Vec<Option<ByteArray>>,
}

impl Rows {
    /// The bytes in a row, of the table at `path`, in a column of it; `None` where there are none.
    ///
    /// # Errors
    /// The reason why they cannot be read.
    pub(super) fn get(
        &mut self,
        path: &Path,
        column: usize,
        row: u64,
    ) -> Result<Option<ByteArray>, String> {
        loop {
            for batch in &self.batches {
                let index = row.checked_sub(batch.start).and_then(|i| usize::try_from(i).ok());
                if let Some(picture) = index.and_then(|index| batch.pictures.get(index)) {
                    return Ok(picture.clone());
                }
            }
            if let Some((_, reason)) = self.failed.iter().find(|(rows, _)| rows.contains(&row)) {
                return Err(reason.clone());
            }
            let batch = self.next_batch(path, column, row)?;
            if self.batches.len() == KEPT {
                self.batches.pop_front();
            }
            self.batches.push_back(batch);
        }
    }

    fn next_batch(&mut self, path: &Path, column: usize, row: u64) -> Result<Batch, String> {
        // Whatever happens on the way, a half-read group is not gone on with.
        let mut open = match self.open.take() {
            Some(open) => open,
            None => guarded(|| Open::new(path, column))?.map_err(|error| reason(&error))?,
        };
        let end = open.group_of(row).map_or(row, |(_, rows)| rows.end);
        let batch = guarded(|| open.batch_with(row));
        match batch.and_then(|batch| batch.map_err(|error| reason(&error))) {
            Ok(batch) => {
                // A table that has been read to its end needs no open file.
                self.open = Some(open).filter(|open| !open.is_done());
                Ok(batch)
            }
            Err(reason) => {
                self.failed.push((row..end, reason.clone()));
                Err(reason)
            }
        }
    }
}

impl Open {
    fn new(path: &Path, column: usize) -> Result<Self, ParquetError> {
        let file = File::open(path).map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Self { file: SerializedFileReader::new(file)?, column, group: None })
    }

    fn is_done(&self) -> bool {
        self.group.as_ref().is_some_and(|group| self.group_of(group.next).is_none())
    }

    /// The row group of a row, and the rows in it.
    fn group_of(&self, row: u64) -> Option<(usize, Range<u64>)> {
        let mut next = 0_u64;
        let ranges = self.file.metadata().row_groups().iter().map(|group| {
            let start = next;
            next = start.saturating_add_signed(group.num_rows());
            start..next
        });
        ranges.enumerate().find(|(_, rows)| rows.contains(&row))
    }

    /// The next batch, if `row` is not far behind its start; or one that begins with it.
    fn batch_with(&mut self, row: u64) -> Result<Batch, ParquetError> {
        let is_ahead = |group: &Group| (group.next..group.end).contains(&row);
        let mut group = match self.group.take().filter(is_ahead) {
            Some(group) => group,
            None => self.group_with(row)?,
        };
        // What is skipped may be asked for by another thread in a moment.
        let ahead = row - group.next;
        if ahead >= ROWS {
            group.next += group.pages.skip_records(ahead as usize)? as u64;
        }
        let batch = group.batch();
        self.group = Some(group);
        batch
    }

    fn group_with(&self, row: u64) -> Result<Group, ParquetError> {
        let (index, rows) = self.group_of(row).ok_or_else(fewer_rows)?;
        let pages = self.file.get_row_group(index)?.get_column_page_reader(self.column)?;
        let schema = self.file.metadata().file_metadata().schema_descr();
        let column = schema.column(self.column);
        let whole = column.max_def_level();
        let pages = get_typed_column_reader(get_column_reader(column, pages));
        Ok(Group { pages, whole, next: rows.start, end: rows.end })
    }
}

impl Group {
    fn batch(&mut self) -> Result<Batch, ParquetError> {
        let mut batch = Batch { start: self.next, pictures: Vec::new() };
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let mut bytes = 0;
        while (batch.pictures.len() as u64) < ROWS && bytes < BYTES && self.next < self.end {
            levels.clear();
            values.clear();
            let most = STEP.min(self.end - self.next) as usize;
            let (rows, ..) = self.pages.read_records(most, Some(&mut levels), None, &mut values)?;
            if rows == 0 {
                return Err(fewer_rows());
            }
            bytes += values.iter().map(ByteArray::len).sum::<usize>();
            batch
                .pictures
                .extend(spread(rows, self.whole, &levels, &values).map(Option::<&_>::cloned));
            self.next += rows as u64;
        }
        Ok(batch)
    }
}
