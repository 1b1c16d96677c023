//! Reads lists of numbers of equal length: a matrix.

use parquet::basic::{Encoding, LogicalType, Type};
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::FileReader;
use parquet::schema::types::ColumnDescriptor;

use crate::error::{damaged, fewer_rows};
use crate::{ParquetFile, hybrid};

/// The type of the numbers in the lists of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Half precision.
    F16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Number {
    /// Size of a number in bytes. Numbers are little-endian.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// The type of the numbers in the lists of a column; `None` if it is not a column of lists of numbers.
pub fn numbers(column: &ColumnDescriptor) -> Option<Number> {
    if column.max_rep_level() != 1 {
        return None;
    }
    match column.physical_type() {
        Type::FLOAT => Some(Number::F32),
        Type::DOUBLE => Some(Number::F64),
        Type::FIXED_LEN_BYTE_ARRAY if column.logical_type_ref() == Some(&LogicalType::Float16) => {
            (column.type_length() == 2).then_some(Number::F16)
        }
        _ => None,
    }
}

/// The length of the lists of a column, if the counts allow that all have the same length; `None` if the file has no
/// rows.
///
/// # Errors
/// If the lists cannot all have the same length.
pub fn width(file: &ParquetFile, column: usize) -> Result<Option<usize>> {
    let mut width = None;
    for group in file.metadata().row_groups().iter().filter(|group| group.num_rows() > 0) {
        let values = group.column(column).num_values();
        let own = values / group.num_rows();
        if own * group.num_rows() != values || own <= 0 || width.is_some_and(|width| width != own) {
            return Err(damaged("its lists are not all of one length, or some are empty"));
        }
        width = Some(own);
    }
    Ok(width.map(|width| width as usize))
}

/// Calls `each` with the numbers of a row group's lists, which have `width` numbers each, in order and as bytes. A
/// call receives any number of whole numbers. Returns the number of lists.
///
/// # Errors
/// If the file cannot be read or is damaged, if a list or one of its numbers is missing, or if a list has another
/// length. Errors count rows from `first`.
///
/// # Panics
/// If there is no such row group, or the column is not one of [`numbers`].
pub fn read(
    file: &ParquetFile,
    (group, first): (usize, u64),
    column: usize,
    width: usize,
    each: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let metadata = file.metadata().row_group(group);
    let descriptor = metadata.column(column).column_descr();
    let size = numbers(descriptor).expect("a column of lists of numbers").bytes();
    let rows = u64::try_from(metadata.num_rows()).map_err(|_| fewer_rows())?;
    let mut lists = Lists { width, at: 0, row: first, whole: descriptor.max_def_level() };
    let (mut dictionary, mut scratch) = (Vec::new(), Scratch::default());
    let mut pages = file.pages(group, column)?;
    while let Some(page) = pages.get_next_page()? {
        match page {
            Page::DictionaryPage { buf, num_values, .. } => {
                let bytes = buf.get(..num_values as usize * size);
                dictionary = bytes.ok_or_else(|| damaged("a page in it ends early"))?.to_vec();
            }
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                ..
            } => {
                if [def_level_encoding, rep_level_encoding].iter().any(|&of| of != Encoding::RLE) {
                    let why = "the levels of its lists are packed in a way that is not read";
                    return Err(damaged(why));
                }
                let count = file.bounded(num_values, size)?;
                let (repetition, left) = with_length(&buf)?;
                let (definition, values) = with_length(left)?;
                lists.follow(repetition, definition, count, &mut scratch)?;
                each(of_page(values, encoding, count, size, &dictionary, &mut scratch)?)?;
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let count = file.bounded(num_values, size)?;
                let ends = || damaged("a page in it ends early");
                let split = buf.split_at_checked(rep_levels_byte_len as usize);
                let (repetition, left) = split.ok_or_else(ends)?;
                let split = left.split_at_checked(def_levels_byte_len as usize);
                let (definition, values) = split.ok_or_else(ends)?;
                lists.follow(repetition, definition, count, &mut scratch)?;
                each(of_page(values, encoding, count, size, &dictionary, &mut scratch)?)?;
            }
        }
    }
    match lists.at == 0 && lists.row - first == rows {
        true => Ok(rows),
        false => Err(fewer_rows()),
    }
}

/// Buffers that are reused for each page.
#[derive(Default)]
struct Scratch {
    repetition: Vec<u32>,
    definition: Vec<u32>,
    values: Vec<u8>,
}

/// The position in the lists of a column.
struct Lists {
    width: usize,
    /// How many numbers of the current list were read.
    at: usize,
    /// The index of the current list.
    row: u64,
    /// The definition level of a number that is not null.
    whole: i16,
}

impl Lists {
    /// Advances by `count` numbers.
    fn follow(
        &mut self,
        repetition: &[u8],
        definition: &[u8],
        count: usize,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { repetition: begins, definition: levels, .. } = scratch;
        begins.clear();
        levels.clear();
        let bits = i16::BITS - self.whole.leading_zeros();
        hybrid::decode(repetition, 1, count, begins).map_err(damaged)?;
        hybrid::decode(definition, bits, count, levels).map_err(damaged)?;
        for (begins, &level) in begins.iter().zip(&*levels) {
            let begins = *begins == 0;
            if begins && self.at != 0 || !begins && self.at == 0 {
                let (row, width) = (if begins { self.row } else { self.row - 1 }, self.width);
                return Err(damaged(&format!("row {row} has not {width} numbers as others have")));
            }
            if level != self.whole as u32 {
                return Err(damaged(&format!("row {} lacks numbers", self.row)));
            }
            self.at += 1;
            if self.at == self.width {
                (self.at, self.row) = (0, self.row + 1);
            }
        }
        Ok(())
    }
}

/// Levels prefixed by their length in bytes, and the rest.
fn with_length(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let split = bytes.split_first_chunk().and_then(|(length, left)| {
        left.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
    });
    split.ok_or_else(|| damaged("a page in it ends early"))
}

/// The numbers of a page, as bytes.
fn of_page<'a>(
    bytes: &'a [u8],
    encoding: Encoding,
    count: usize,
    size: usize,
    dictionary: &[u8],
    scratch: &'a mut Scratch,
) -> Result<&'a [u8]> {
    let ends = || damaged("a page in it ends early");
    let Scratch { repetition: indices, values, .. } = scratch;
    match encoding {
        Encoding::PLAIN => bytes.get(..count * size).ok_or_else(ends),
        Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
            let (&width, packed) = bytes.split_first().ok_or_else(ends)?;
            indices.clear();
            hybrid::decode(packed, width.into(), count, indices).map_err(damaged)?;
            values.clear();
            for &index in &*indices {
                let value = dictionary.get(index as usize * size..).and_then(|at| at.get(..size));
                values.extend(value.ok_or_else(|| damaged("it lacks a value that it uses"))?);
            }
            Ok(values)
        }
        Encoding::BYTE_STREAM_SPLIT => {
            let bytes = bytes.get(..count * size).ok_or_else(ends)?;
            values.resize(count * size, 0);
            for (stream, bytes) in bytes.chunks_exact(count.max(1)).enumerate() {
                for (at, byte) in bytes.iter().enumerate() {
                    values[at * size + stream] = *byte;
                }
            }
            Ok(values)
        }
        other => {
            let why = format!("its numbers are encoded as {other}, which is not read");
            Err(ParquetError::NYI(why))
        }
    }
}
