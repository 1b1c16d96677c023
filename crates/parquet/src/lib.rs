//! Reads untrusted Parquet files.
//!
//! The library [`parquet`] allocates memory and recurses as a file declares. Here, the footer of a file is checked
//! before the library sees it, and pages are read and decompressed within limits; the library then decodes their
//! values. A [`ParquetFile`] implements the library's own trait for reading files. [`columns`] reads the values of a
//! column in order, [`Rows`] reads single rows, and [`vectors`] reads lists of numbers as raw bytes, because there are
//! too many of them to decode as values.
//!
//! The library may still panic on damaged data: call functions that read within [`guarded`](headstart_guard::guarded),
//! as [`Rows`] does.
#![forbid(unsafe_code)]

pub mod columns;
mod delta;
mod error;
mod footer;
mod header;
mod hybrid;
mod pages;
mod rows;
mod thrift;
pub mod vectors;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::bloom_filter::Sbbf;
use parquet::column::page::PageReader;
use parquet::errors::Result;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::record::reader::RowIter;
use parquet::schema::types::Type;

pub use error::Failure;
use error::damaged;
pub use pages::{Pages, not_read};
pub use rows::Rows;

/// Size limit of a decompressed page of short texts and numbers, in bytes. Writers end a page after one or a few
/// megabytes.
pub const TEXTS: u64 = 64 << 20;

/// A file whose footer has been read and checked.
pub struct ParquetFile {
    file: Arc<File>,
    len: u64,
    metadata: ParquetMetaData,
    /// The size of each column in all row groups, in bytes.
    stored: Vec<u64>,
    limit: u64,
}

impl ParquetFile {
    /// Opens a file. A page may decompress to at most `limit` bytes, or to twice its size in the file if that is more.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged: see [`Failure`].
    pub fn open(path: &Path, limit: u64) -> Result<Self> {
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
    pub(crate) fn read_instead(&mut self, file: File) {
        self.file = Arc::new(file);
    }

    /// Size of the file in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a file without bytes is no such file")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The number of rows in all row groups, at most `most`.
    ///
    /// # Errors
    /// If there are more.
    pub fn rows(&self, most: u64) -> Result<u64> {
        let groups = self.metadata.row_groups();
        let mut rows = groups.iter().map(|group| u64::try_from(group.num_rows()).ok());
        let rows = rows.try_fold(0_u64, |sum, rows| sum.checked_add(rows?));
        rows.filter(|&rows| rows <= most)
            .ok_or_else(|| damaged("it declares more rows than it can have"))
    }

    /// The number of values of `size` bytes in a page. A page may encode many equal values in few bytes.
    ///
    /// # Errors
    /// If these values would exceed the size limit of a page.
    pub(crate) fn bounded(&self, values: u32, size: usize) -> Result<usize> {
        let (bytes, limit) = (u64::from(values) * size as u64, self.limit);
        match bytes <= limit {
            true => Ok(values as usize),
            false => Err(damaged(&format!("a page of {bytes} bytes; the limit is {limit}"))),
        }
    }

    /// The pages of a column in a row group.
    ///
    /// # Errors
    /// If they are outside the file.
    ///
    /// # Panics
    /// If there is no such row group or column.
    pub fn pages(&self, group: usize, column: usize) -> Result<Pages> {
        // Otherwise every row group could declare the same pages, which would be read again and again.
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

    /// Bloom filters are not used.
    fn get_column_bloom_filter(&self, _column: usize) -> Option<&Sbbf> {
        None
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        RowIter::from_row_group(projection, self)
    }
}
