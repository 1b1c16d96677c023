//! Reads rows of a column of pictures. Rows are compressed in pages, so a single one cannot be read alone.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::path::Path;

use parquet::column::page::PageReader;
use parquet::column::reader::{ColumnReaderImpl, get_column_reader, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;

use headstart_guard::guarded;

use crate::columns::spread;
use crate::error::fewer_rows;
use crate::{Failure, ParquetFile};

/// Rows per batch, unless they are large.
const ROWS: u64 = 64;
/// Rows decoded before the size of the batch is checked again, unless they are large.
const STEP: u64 = 8;
/// A batch ends at this many bytes, or at a sixteenth of the page limit if that is less.
const BYTES: u64 = 32 << 20;
/// Number of whole batches kept. Several threads request rows almost in order: one may request the last row of a batch
/// after another has begun the next.
const KEPT: usize = 2;
/// Number of unrequested rows kept from earlier batches, for threads that are far behind the others.
const LATE: usize = 256;
/// Maximum total size of these rows in bytes; an eighth of the page limit if that is less.
const LATE_BYTES: u64 = 64 << 20;
/// Number of unreadable places in a row group after which the rest of the group is given up.
const FAILURES: usize = 64;

/// Decodes batches of rows in order, and keeps the last ones.
///
/// Rows requested in approximate order are decoded once. Any other row can be read too, but its page must be
/// decompressed again.
#[derive(Default)]
pub struct Rows {
    /// Size limit of a page in bytes, as in [`ParquetFile::open`].
    limit: u64,
    open: Option<Open>,
    batches: VecDeque<Batch>,
    /// Unrequested rows of earlier batches, and their total size.
    late: VecDeque<(u64, Option<ByteArray>)>,
    late_bytes: usize,
    /// Ranges of rows that cannot be read, by the first row: the end of the range, and the reason.
    failed: BTreeMap<u64, (u64, String)>,
    #[cfg(test)]
    decoded: usize,
}

struct Open {
    file: ParquetFile,
    column: usize,
    /// The row group being read.
    group: Option<Group>,
    /// Whether damage was found. From then on, rows are no longer read in advance, since they might be damaged.
    is_damaged: bool,
}

struct Group {
    pages: ColumnReaderImpl<ByteArrayType>,
    /// The definition level of a value that is not null.
    whole: i16,
    /// The next row, and the end of the group.
    next: u64,
    end: u64,
}

struct Batch {
    start: u64,
    /// Slices of the pages, and whether each was requested.
    pictures: Vec<(Option<ByteArray>, bool)>,
}

impl Rows {
    /// The bytes in a row and column of the table at `path`; `None` if the value is null. A page may decompress to at
    /// most `limit` bytes.
    ///
    /// # Errors
    /// If the row cannot be read. Damage is remembered: rows lost to it are not tried again.
    pub fn get(
        &mut self,
        path: &Path,
        column: usize,
        row: u64,
        limit: u64,
    ) -> io::Result<Option<ByteArray>> {
        if self.limit != limit {
            *self = Self { limit, ..Self::default() };
        }
        loop {
            if let Some(picture) = self.kept(row) {
                return Ok(picture);
            }
            if let Some((_, (end, reason))) = self.failed.range(..=row).next_back()
                && row < *end
            {
                return Err(io::Error::other(reason.clone()));
            }
            let batch = self.next_batch(path, column, row)?;
            #[cfg(test)]
            (self.decoded += batch.pictures.len());
            self.batches.push_back(batch);
            if self.batches.len() > KEPT {
                self.put_by();
            }
        }
    }

    fn kept(&mut self, row: u64) -> Option<Option<ByteArray>> {
        for batch in &mut self.batches {
            let index = row.checked_sub(batch.start).and_then(|i| usize::try_from(i).ok());
            if let Some((picture, asked)) = index.and_then(|i| batch.pictures.get_mut(i)) {
                *asked = true;
                return Some(picture.clone());
            }
        }
        self.late.iter().find(|(late, _)| *late == row).map(|(_, picture)| picture.clone())
    }

    /// Drops the first batch. Its unrequested rows are kept as copies, so that they do not keep whole pages in memory.
    fn put_by(&mut self) {
        let bytes = |picture: &Option<ByteArray>| picture.as_ref().map_or(0, ByteArray::len);
        let Some(batch) = self.batches.pop_front() else { return };
        let rows = (batch.start..).zip(batch.pictures).filter(|(_, (_, asked))| !asked);
        for (row, (picture, _)) in rows {
            let picture = picture.map(|picture| ByteArray::from(picture.data().to_vec()));
            self.late_bytes += bytes(&picture);
            self.late.push_back((row, picture));
        }
        let most = LATE_BYTES.min(self.limit / 8) as usize;
        while self.late.len() > LATE || self.late_bytes > most {
            let Some((_, picture)) = self.late.pop_front() else { break };
            self.late_bytes -= bytes(&picture);
        }
    }

    fn next_batch(&mut self, path: &Path, column: usize, row: u64) -> io::Result<Batch> {
        // If anything fails below, the file is opened again next time.
        let opened = match self.open.take() {
            Some(open) => Ok(open),
            None => run(|| Open::new(path, column, self.limit)),
        };
        let mut open = opened.map_err(|failure| match failure {
            Failure::Io(error) => error,
            Failure::Damage(reason) => io::Error::other(reason),
        })?;
        let mut step = STEP;
        let reason = loop {
            let most = BYTES.min(self.limit / 16).max(1);
            match run(|| open.batch_with(row, step, most)) {
                Ok(batch) => {
                    // A table that was read to its end needs no open file.
                    self.open = Some(open).filter(|open| !open.is_done());
                    return Ok(batch);
                }
                Err(Failure::Io(error)) => return Err(error),
                Err(Failure::Damage(reason)) if step == 1 => break reason,
                // A read that includes the damage also loses the rows before it, so read fewer rows at once.
                Err(Failure::Damage(_)) => step /= 2,
            }
            open.is_damaged = true;
        };
        let (_, rows) = open.group_of(row).unwrap_or((0, row..row + 1));
        let many = self.failed.range(rows.clone()).count() + 1 >= FAILURES;
        let end = if many { rows.end } else { open.page_end(row, &rows) };
        self.failed.insert(row, (end, reason.clone()));
        self.open = Some(open);
        Err(io::Error::other(reason))
    }
}

/// Calls the library; a panic counts as damage.
fn run<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Failure> {
    guarded(work).map_err(Failure::Damage)?.map_err(Failure::from)
}

impl Open {
    fn new(path: &Path, column: usize, limit: u64) -> Result<Self, ParquetError> {
        Ok(Self { file: ParquetFile::open(path, limit)?, column, group: None, is_damaged: false })
    }

    fn is_done(&self) -> bool {
        self.group.as_ref().is_some_and(|group| self.group_of(group.next).is_none())
    }

    /// The row group that contains a row, and the rows of that group.
    fn group_of(&self, row: u64) -> Option<(usize, Range<u64>)> {
        let mut next = 0_u64;
        let ranges = self.file.metadata().row_groups().iter().map(|group| {
            let start = next;
            next = start.saturating_add_signed(group.num_rows());
            start..next
        });
        ranges.enumerate().find(|(_, rows)| rows.contains(&row))
    }

    /// The end of the page that contains a row, or of its row group if the page cannot be found.
    fn page_end(&self, row: u64, rows: &Range<u64>) -> u64 {
        let end = || -> Result<u64, ParquetError> {
            let (group, _) = self.group_of(row).ok_or_else(fewer_rows)?;
            let mut pages = self.file.pages(group, self.column)?;
            while rows.start + pages.passed() <= row && pages.peek_next_page()?.is_some() {
                pages.skip_next_page()?;
            }
            Ok(rows.start + pages.passed())
        };
        end().ok().filter(|end| (row + 1..rows.end).contains(end)).unwrap_or(rows.end)
    }

    /// The next batch if `row` is not far after its start, otherwise a batch that starts at `row`. It ends after
    /// `most` bytes, or before damaged data unless its first read fails.
    fn batch_with(&mut self, row: u64, step: u64, most: u64) -> Result<Batch, ParquetError> {
        let is_ahead = |group: &Group| (group.next..group.end).contains(&row);
        let mut group = match self.group.take().filter(is_ahead) {
            Some(group) => group,
            None => self.group_with(row)?,
        };
        // Rows that would be skipped may soon be requested by another thread.
        let ahead = row - group.next;
        if ahead >= ROWS || (ahead > 0 && self.is_damaged) {
            group.next += group.pages.skip_records(ahead as usize)? as u64;
            if group.next < row {
                return Err(fewer_rows());
            }
        }
        let mut batch = Batch { start: group.next, pictures: Vec::new() };
        let (mut bytes, mut largest) = (0, 0);
        while (batch.pictures.len() as u64) < ROWS && bytes < most && group.next < group.end {
            // Read the first row alone, and of large rows only as many as the batch has room for: each may be in a
            // page of its own.
            let room = (most - bytes).checked_div(largest).unwrap_or(1).max(1);
            let step = if batch.pictures.is_empty() { 1 } else { step.min(room) };
            match guarded(|| group.read(step, &mut batch)).map_err(ParquetError::General) {
                Ok(Ok(read)) => {
                    bytes += read.iter().sum::<u64>();
                    largest = read.into_iter().fold(largest, u64::max);
                }
                Ok(Err(error)) | Err(error) if batch.pictures.is_empty() => return Err(error),
                // A group whose read failed midway is not continued.
                _ => {
                    self.is_damaged = true;
                    return Ok(batch);
                }
            }
        }
        self.group = Some(group);
        Ok(batch)
    }

    fn group_with(&self, row: u64) -> Result<Group, ParquetError> {
        let (index, rows) = self.group_of(row).ok_or_else(fewer_rows)?;
        let schema = self.file.metadata().file_metadata().schema_descr();
        let column = schema.column(self.column);
        let whole = column.max_def_level();
        let pages = Box::new(self.file.pages(index, self.column)?);
        let pages = get_typed_column_reader(get_column_reader(column, pages));
        Ok(Group { pages, whole, next: rows.start, end: rows.end })
    }
}

impl Group {
    /// Appends up to `most` rows to a batch, and returns the sizes in bytes of their non-null values.
    fn read(&mut self, most: u64, batch: &mut Batch) -> Result<Vec<u64>, ParquetError> {
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let most = most.min(self.end - self.next) as usize;
        let (rows, ..) = self.pages.read_records(most, Some(&mut levels), None, &mut values)?;
        if rows == 0 {
            return Err(fewer_rows());
        }
        let pictures = spread(rows, self.whole, &levels, &values).map(Option::<&_>::cloned);
        batch.pictures.extend(pictures.map(|picture| (picture, false)));
        self.next += rows as u64;
        Ok(values.iter().map(|value| value.len() as u64).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    /// A table of `rows` rows of `bytes` bytes, in one row group. Each row begins with its number.
    fn table(rows: u32, bytes: usize) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let schema = parse_message_type("message m { required binary image; }").unwrap();
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        let to: File = file.reopen().unwrap();
        let mut writer = SerializedFileWriter::new(to, schema.into(), properties.into()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        for row in 0..rows {
            let value = [&row.to_le_bytes()[..], &vec![0; bytes]].concat().into();
            column.typed::<ByteArrayType>().write_batch(&[value], None, None).unwrap();
        }
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        file
    }

    fn number(rows: &mut Rows, file: &tempfile::NamedTempFile, row: u32) -> io::Result<u32> {
        let picture = rows.get(file.path(), 0, row.into(), 1 << 30)?.unwrap();
        Ok(u32::from_le_bytes(*picture.data().first_chunk().unwrap()))
    }

    /// If pictures are large, a batch has few rows, and a thread may be several batches behind.
    #[test]
    fn rows_asked_for_late_are_not_decoded_again() {
        const LATE: u32 = 40;
        let file = table(120, 2 << 20);
        let mut rows = Rows::default();
        let late = |row: u32| row.is_multiple_of(20);
        for turn in 0..120 + LATE {
            if turn < 120 && !late(turn) {
                assert_eq!(number(&mut rows, &file, turn).unwrap(), turn);
            }
            if turn >= LATE && late(turn - LATE) {
                assert_eq!(number(&mut rows, &file, turn - LATE).unwrap(), turn - LATE);
            }
        }
        assert_eq!(rows.decoded, 120);
    }

    #[test]
    fn what_nobody_asks_for_is_not_kept_for_ever() {
        let file = table(3000, 10);
        let mut rows = Rows::default();
        for row in (0..3000).step_by(50) {
            assert_eq!(number(&mut rows, &file, row).unwrap(), row);
            assert!(rows.late.len() <= LATE && rows.batches.len() <= KEPT);
        }
        let late: usize = rows.late.iter().map(|(_, p)| p.as_ref().unwrap().len()).sum();
        assert_eq!(rows.late_bytes, late);
        assert_eq!(number(&mut rows, &file, 7).unwrap(), 7, "decoded again");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_cannot_be_read_for_a_while_is_read_later() {
        let file = table(300, 10);
        let mut rows = Rows::default();
        assert_eq!(number(&mut rows, &file, 0).unwrap(), 0);
        // Reading a folder fails, like a file on a disconnected disk.
        rows.open.as_mut().unwrap().file.read_instead(File::open("/").unwrap());
        rows.open.as_mut().unwrap().group = None;
        let error = number(&mut rows, &file, 200).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
        assert_eq!(number(&mut rows, &file, 200).unwrap(), 200);
    }
}
