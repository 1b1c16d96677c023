//! Parquet files whose bytes may say anything.
//!
//! The library takes memory as a file says, and calls itself as deep. Here a file's footer is looked
//! through before the library sees it ([`footer`]), and pages are read and unfolded here ([`pages`]); the
//! library makes values of them.

mod delta;
mod footer;
mod header;
mod pages;
mod thrift;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::column::page::PageReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

pub(super) use pages::{Pages, not_read};

use super::walk::cannot_be_read;

/// Bytes that a page of short texts and numbers may unfold to. Writers end a page after one or a few
/// megabytes.
pub(super) const TEXTS: u64 = 64 << 20;

/// A file whose footer has been read.
pub(super) struct ParquetFile {
    file: Arc<File>,
    len: u64,
    metadata: ParquetMetaData,
    /// Bytes of each column in all row groups.
    stored: Vec<u64>,
    limit: u64,
}

impl ParquetFile {
    /// Opens a file, of which no page may unfold to more than `limit` bytes, unless it takes half as
    /// many in the file.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged: see [`Failure`].
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let metadata = footer::read(&file, len)?;
        let mut stored = vec![0_u64; metadata.file_metadata().schema_descr().num_columns()];
        for group in metadata.row_groups() {
            for (stored, column) in stored.iter_mut().zip(group.columns()) {
                let bytes = u64::try_from(column.compressed_size()).unwrap_or(u64::MAX);
                *stored = stored.saturating_add(bytes);
            }
        }
        Ok(Self { file: Arc::new(file), len, metadata, stored, limit })
    }

    #[cfg(test)]
    pub(super) fn read_instead(&mut self, file: File) {
        self.file = Arc::new(file);
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The rows of all row groups, if there are no more than `most`.
    pub(super) fn rows(&self, most: u64) -> Result<u64> {
        let groups = self.metadata.row_groups();
        let mut rows = groups.iter().map(|group| u64::try_from(group.num_rows()).ok());
        let rows = rows.try_fold(0_u64, |sum, rows| sum.checked_add(rows?));
        rows.filter(|&rows| rows <= most)
            .ok_or_else(|| damaged("it declares more rows than it can have"))
    }

    /// The pages of a column in a row group.
    ///
    /// # Errors
    /// When they lie where they cannot.
    pub(super) fn pages(&self, group: usize, column: usize) -> Result<Pages> {
        // Else the same pages might be gone through for every row group anew.
        if self.stored[column] > self.len {
            return Err(damaged("it declares more bytes than it has"));
        }
        Pages::new(self.file.clone(), self.len, self.metadata.row_group(group), column, self.limit)
    }
}

impl FileReader for ParquetFile {
    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }

    fn num_row_groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    fn get_row_group(&self, index: usize) -> Result<Box<dyn RowGroupReader + '_>> {
        Ok(Box::new(RowGroup { file: self, index }))
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_file(projection, self)
    }
}

struct RowGroup<'a> {
    file: &'a ParquetFile,
    index: usize,
}

impl RowGroupReader for RowGroup<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.file.metadata.row_group(self.index)
    }

    fn num_columns(&self) -> usize {
        self.metadata().num_columns()
    }

    fn get_column_page_reader(&self, column: usize) -> Result<Box<dyn PageReader>> {
        Ok(Box::new(self.file.pages(self.index, column)?))
    }

    /// Nothing here asks whether a value is there.
    fn get_column_bloom_filter(&self, _column: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}

/// What is wrong with a file.
pub(super) fn damaged(reason: &str) -> ParquetError {
    ParquetError::General(reason.to_owned())
}

/// Why something of a file is not to be had.
pub(super) enum Failure {
    /// The file cannot be read, which may pass.
    Io(io::Error),
    /// What is wrong with it, in one line.
    Damage(String),
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        use ParquetError::{EOF, External, General, NYI};
        let said = match error {
            External(error) => match error.downcast::<io::Error>() {
                Ok(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Self::Io(*error);
                }
                Ok(_) => "it ends early".to_owned(),
                Err(error) => error.to_string(),
            },
            // Without the library's own prefix.
            General(reason) | NYI(reason) | EOF(reason) => reason,
            other => other.to_string(),
        };
        Self::Damage(said.lines().next().unwrap_or_default().to_owned())
    }
}

impl Failure {
    /// What to say of the file; of one that is damaged, what `damaged` makes of the reason.
    pub(super) fn told(self, damaged: impl FnOnce(&str) -> String) -> String {
        match self {
            Self::Io(error) => cannot_be_read(&error),
            Self::Damage(reason) => damaged(&reason),
        }
    }
}
