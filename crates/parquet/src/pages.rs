//! Reads and decompresses the pages of a column within limits.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use headstart_files::read_exact_at;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::ColumnDescPtr;
use ruzstd::decoding::StreamingDecoder;

use crate::delta;
use crate::error::damaged;
use crate::header::{Header, PageKind};
use crate::thrift::{ENDS, Thrift};

/// Bytes of a header that are read first: most headers have fewer than 50.
const HEADER: u64 = 256;
/// Maximum length of a header: it may contain the smallest and the largest value of its page.
const LONGEST_HEADER: u64 = 16 << 20;
/// The window in bytes that a zstd decoder should support (RFC 8878, 3.1.1.1.2).
const ZSTD_WINDOW: usize = 8 << 20;
/// Above snappy's largest compression ratio: three bytes decompress to at most 64.
const SNAPPIEST: usize = 22;

/// Why pages with this compression cannot be read; `None` if they can.
pub fn not_read(codec: Compression) -> Option<String> {
    use Compression::{GZIP, SNAPPY, UNCOMPRESSED, ZSTD};
    if matches!(codec, UNCOMPRESSED | SNAPPY | GZIP(_) | ZSTD(_)) {
        return None;
    }
    let name = format!("{codec:?}");
    let name = name.split('(').next().unwrap_or_default();
    Some(format!("packed by {name}, which is not read: write it with snappy, gzip or zstd"))
}

/// Reads the pages of a column of a row group in order.
pub struct Pages {
    file: Arc<File>,
    /// The offset of the next page's header or, if `next` is set, of the data after that header.
    at: u64,
    end: u64,
    next: Option<Header>,
    column: ColumnDescPtr,
    codec: Compression,
    limit: u64,
    /// The number of values to come, and of values in the pages so far.
    left: u64,
    passed: u64,
}

impl Pages {
    pub(crate) fn new(
        file: Arc<File>,
        len: u64,
        group: &RowGroupMetaData,
        column: usize,
        limit: u64,
    ) -> Result<Self> {
        let chunk = group.column(column);
        let at = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let whole = |n: i64| u64::try_from(n).map_err(|_| damaged("it has columns of no place"));
        let at = whole(at)?;
        let end = at.saturating_add(whole(chunk.compressed_size())?).min(len);
        let column = chunk.column_descr_ptr();
        // A row of a list column may have any number of values.
        let left = if column.max_rep_level() > 0 { u64::MAX } else { whole(group.num_rows())? };
        let codec = chunk.compression();
        Ok(Self { file, at, end, next: None, column, codec, limit, left, passed: 0 })
    }

    /// The number of rows in the pages reached so far.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// The next header; `None` at the end.
    fn header(&mut self) -> Result<Option<Header>> {
        if self.next.is_some() {
            return Ok(self.next.take());
        }
        let mut most = HEADER;
        while self.at < self.end {
            let mut bytes = vec![0; most.min(self.end - self.at) as usize];
            read_exact_at(&self.file, &mut bytes, self.at)?;
            let mut left = Thrift::new(&bytes);
            match Header::read(&mut left) {
                Ok(header) => {
                    self.at += (bytes.len() - left.left()) as u64;
                    self.reach(&header)?;
                    return Ok(Some(header));
                }
                Err(ENDS) if bytes.len() as u64 == most && most < LONGEST_HEADER => most *= 8,
                Err(reason) => return Err(damaged(reason)),
            }
        }
        Ok(None)
    }

    fn reach(&mut self, header: &Header) -> Result<()> {
        if header.stored > self.end.saturating_sub(self.at) {
            return Err(damaged("a page in it ends early"));
        }
        let values = header.values();
        self.left =
            self.left.checked_sub(values).ok_or_else(|| damaged("its pages have too many rows"))?;
        self.passed += values;
        Ok(())
    }

    fn read(&mut self, header: Header) -> Result<Page> {
        let Header { stored, unfolded, .. } = header;
        let start = self.at;
        self.at += stored;
        if unfolded > self.limit.max(2 * stored) {
            let limit = self.limit;
            return Err(damaged(&format!("a page of {unfolded} bytes; the limit is {limit}")));
        }
        let mut bytes = vec![0; stored as usize];
        read_exact_at(&self.file, &mut bytes, start)?;
        let bytes = match header.packed_from() {
            Some(levels) => self.unfold(bytes, levels, unfolded as usize)?,
            None => bytes,
        };
        self.check(&header, &bytes)?;
        let buf = bytes.into();
        Ok(match header.page {
            PageKind::Data { values, encoding, definition, repetition } => Page::DataPage {
                buf,
                num_values: values,
                encoding,
                def_level_encoding: definition,
                rep_level_encoding: repetition,
                statistics: None,
            },
            PageKind::DataV2 { counts, encoding, definition, repetition, packed } => {
                Page::DataPageV2 {
                    buf,
                    num_values: counts[0],
                    num_nulls: counts[1],
                    num_rows: counts[2],
                    encoding,
                    def_levels_byte_len: definition,
                    rep_levels_byte_len: repetition,
                    is_compressed: packed,
                    statistics: None,
                }
            }
            PageKind::Dictionary { values, encoding, is_sorted } => {
                Page::DictionaryPage { buf, num_values: values, encoding, is_sorted }
            }
            PageKind::Other => return Err(damaged("a page in it is of no known kind")),
        })
    }

    /// Decompresses a page, whose first `levels` bytes are not compressed.
    fn unfold(&self, bytes: Vec<u8>, levels: usize, unfolded: usize) -> Result<Vec<u8>> {
        if self.codec == Compression::UNCOMPRESSED {
            return Ok(bytes);
        }
        let wrong = || damaged("a page in it unfolds to something else than it declares");
        let (whole, packed) = bytes.split_at_checked(levels).ok_or_else(wrong)?;
        let most = unfolded.checked_sub(levels).ok_or_else(wrong)?;
        let mut all = whole.to_vec();
        match self.codec {
            // A page without values.
            _ if most == 0 => {}
            Compression::SNAPPY if most / SNAPPIEST <= packed.len() => {
                all.resize(unfolded, 0);
                let read = snap::raw::Decoder::new().decompress(packed, &mut all[levels..]);
                all.truncate(levels + read.map_err(|e| damaged(&e.to_string()))?);
            }
            Compression::SNAPPY => return Err(wrong()),
            Compression::GZIP(_) => {
                let mut read = MultiGzDecoder::new(packed).take(most as u64 + 1);
                read.read_to_end(&mut all).map_err(|e| damaged(&e.to_string()))?;
            }
            Compression::ZSTD(_) => {
                let window = unfolded.max(ZSTD_WINDOW) as u64;
                let read = StreamingDecoder::new_with_max_window_size(packed, window);
                let read = read.map_err(|e| damaged(&e.to_string()))?;
                let read = read.take(most as u64 + 1).read_to_end(&mut all);
                read.map_err(|e| damaged(&e.to_string()))?;
            }
            other => return Err(ParquetError::NYI(not_read(other).unwrap_or_default())),
        }
        if all.len() == unfolded { Ok(all) } else { Err(wrong()) }
    }

    /// Checks that a page's values are safe for the library, which allocates memory for as many and as long values as
    /// the page declares.
    fn check(&self, header: &Header, bytes: &[u8]) -> Result<()> {
        let (encoding, levels) = match header.page {
            PageKind::Dictionary { values, .. } => {
                let least = match self.column.physical_type() {
                    Type::BOOLEAN | Type::FIXED_LEN_BYTE_ARRAY => 1,
                    Type::INT32 | Type::FLOAT | Type::BYTE_ARRAY => 4,
                    Type::INT64 | Type::DOUBLE => 8,
                    Type::INT96 => 12,
                };
                let enough = u64::from(values) * least <= bytes.len() as u64;
                return enough
                    .then_some(())
                    .ok_or_else(|| damaged("it has fewer different values than it declares"));
            }
            PageKind::Data { values, encoding, definition, repetition } => {
                let levels = [
                    (self.column.max_rep_level(), repetition),
                    (self.column.max_def_level(), definition),
                ];
                (encoding, levels_of(bytes, &levels, values))
            }
            PageKind::DataV2 { encoding, definition, repetition, .. } => {
                (encoding, Some(definition as usize + repetition as usize))
            }
            PageKind::Other => return Ok(()),
        };
        let prefixed = match encoding {
            Encoding::DELTA_BYTE_ARRAY => true,
            Encoding::DELTA_LENGTH_BYTE_ARRAY => false,
            _ => return Ok(()),
        };
        let values = levels.and_then(|levels| bytes.get(levels..));
        let values = values.ok_or_else(|| damaged("a page in it ends early"))?;
        let texts = delta::unfolded(values, prefixed, header.values()).map_err(damaged)?;
        if texts > self.limit.max(2 * bytes.len() as u64) {
            let limit = self.limit;
            return Err(damaged(&format!("a page of {texts} bytes of text; the limit is {limit}")));
        }
        Ok(())
    }
}

/// The size in bytes of the levels before the values in a page of version 1.
fn levels_of(bytes: &[u8], levels: &[(i16, Encoding)], values: u32) -> Option<usize> {
    let mut at = 0_usize;
    for (most, encoding) in levels.iter().filter(|(most, _)| *most > 0) {
        let len = match encoding {
            Encoding::RLE => {
                let len = bytes.get(at..)?.first_chunk()?;
                4 + u64::from(u32::from_le_bytes(*len))
            }
            // Bit-packed, without a length.
            _ => (u64::from(values) * u64::from(i16::BITS - most.leading_zeros())).div_ceil(8),
        };
        at = at.checked_add(usize::try_from(len).ok()?)?;
    }
    Some(at)
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        while let Some(header) = self.header()? {
            match header.page {
                PageKind::Other => self.at += header.stored,
                _ => return self.read(header).map(Some),
            }
        }
        Ok(None)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        while let Some(header) = self.header()? {
            match header.metadata() {
                Some(metadata) => {
                    self.next = Some(header);
                    return Ok(Some(metadata));
                }
                None => self.at += header.stored,
            }
        }
        Ok(None)
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some(header) = self.header()? {
            self.at += header.stored;
        }
        Ok(())
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
