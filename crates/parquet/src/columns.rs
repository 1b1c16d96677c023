//! Reads the values of a column.

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::Result;
use parquet::file::reader::FileReader;
use parquet::schema::types::ColumnDescriptor;

use crate::error::{damaged, fewer_rows};

/// Rows decoded at a time from a column of short values.
const ROWS: usize = 1024;

/// Maximum number of elements in all lists of a column.
const ELEMENTS: u64 = 1 << 24;

/// Whether a column of bytes declares that it is text.
pub fn is_text(column: &ColumnDescriptor) -> bool {
    matches!(
        column.converted_type(),
        ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON
    ) || matches!(
        column.logical_type_ref(),
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Json)
    )
}

/// A readable description of a column: `image.bytes (binary)`.
pub fn describe(column: &ColumnDescriptor) -> String {
    let kind = match column.physical_type() {
        Type::BYTE_ARRAY if is_text(column) => "text",
        Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY => "binary",
        Type::INT32 | Type::INT64 | Type::INT96 => "integer",
        Type::FLOAT | Type::DOUBLE => "float",
        Type::BOOLEAN => "boolean",
    };
    let list = if column.max_rep_level() > 0 { ", a list" } else { "" };
    format!("{} ({kind}{list})", column.path().string())
}

/// Calls `each` with every row's value of a column, in order; `None` if it is null.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn values<T: DataType>(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<&T::T>),
) -> Result<()> {
    let descriptor = file.metadata().file_metadata().schema_descr().column(column);
    let whole = descriptor.max_def_level();
    for group in 0..file.num_row_groups() {
        let pages = file.get_row_group(group)?.get_column_page_reader(column)?;
        let mut reader = get_typed_column_reader::<T>(get_column_reader(descriptor.clone(), pages));
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let mut left = file.metadata().row_group(group).num_rows() as usize;
        while left > 0 {
            levels.clear();
            values.clear();
            let most = left.min(ROWS);
            let (rows, ..) = reader.read_records(most, Some(&mut levels), None, &mut values)?;
            if rows == 0 {
                return Err(fewer_rows());
            }
            left -= rows;
            spread(rows, whole, &levels, &values).for_each(&mut *each);
        }
    }
    Ok(())
}

/// Calls `each` with every row's list of a column of lists, in order, without null elements; `None` if the list is
/// null.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn lists<T: DataType>(
    file: &dyn FileReader,
    column: usize,
    mut each: impl FnMut(Option<&[T::T]>),
) -> Result<()> {
    let metadata = file.metadata();
    let schema = metadata.file_metadata().schema_descr();
    let descriptor = schema.column(column);
    let root = &schema.root_schema().get_fields()[schema.get_column_root_idx(column)];
    let (whole, may_be_null) = (descriptor.max_def_level(), root.is_optional());
    let groups = metadata.row_groups().iter();
    let declared = groups.map(|group| u64::try_from(group.column(column).num_values()));
    if declared.map(|n| n.unwrap_or(u64::MAX)).fold(0, u64::saturating_add) > ELEMENTS {
        return Err(damaged("it declares more values than are read"));
    }
    for group in 0..file.num_row_groups() {
        let pages = file.get_row_group(group)?.get_column_page_reader(column)?;
        let mut reader = get_typed_column_reader::<T>(get_column_reader(descriptor.clone(), pages));
        let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut left = metadata.row_group(group).num_rows() as usize;
        while left > 0 {
            definitions.clear();
            repetitions.clear();
            values.clear();
            let (definitions, repetitions) = (&mut definitions, &mut repetitions);
            let read = reader.read_records(
                left.min(ROWS),
                Some(&mut *definitions),
                Some(&mut *repetitions),
                &mut values,
            );
            let (rows, ..) = read?;
            if rows == 0 {
                return Err(fewer_rows());
            }
            left -= rows;
            let (mut level, mut value) = (0, 0);
            for _ in 0..rows {
                let first = level;
                level += 1;
                level += repetitions[level..].iter().take_while(|&&level| level > 0).count();
                let own = &definitions[first..level];
                let end = value + own.iter().filter(|&&level| level == whole).count();
                each((own[0] > 0 || !may_be_null).then(|| &values[value..end]));
                value = end;
            }
        }
    }
    Ok(())
}

/// The values of `rows` rows. A row has a value if its definition level is `whole`.
pub(crate) fn spread<'a, V>(
    rows: usize,
    whole: i16,
    levels: &'a [i16],
    values: &'a [V],
) -> impl Iterator<Item = Option<&'a V>> {
    let mut values = values.iter();
    (0..rows).map(move |row| match levels.get(row) {
        Some(level) if *level < whole => None,
        _ => values.next(),
    })
}

/// Calls `each` with the text of every row; `None` if it is null.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn texts(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> Result<()> {
    values::<ByteArrayType>(file, column, &mut |value| each(value.map(ByteArray::data)))
}

/// Calls `each` with the text or the number of every row, as text. Returns `None` if the column contains neither.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn any_texts(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> Option<Result<()>> {
    fn shown<T: ToString>(n: Option<&T>, each: &mut dyn FnMut(Option<&[u8]>)) {
        each(n.map(ToString::to_string).as_deref().map(str::as_bytes));
    }
    let descriptor = file.metadata().file_metadata().schema_descr().column(column);
    Some(match descriptor.physical_type() {
        Type::BYTE_ARRAY => texts(file, column, each),
        Type::INT32 => values::<Int32Type>(file, column, &mut |n| shown(n, each)),
        Type::INT64 => values::<Int64Type>(file, column, &mut |n| shown(n, each)),
        Type::FLOAT => values::<FloatType>(file, column, &mut |n| shown(n, each)),
        Type::DOUBLE => values::<DoubleType>(file, column, &mut |n| shown(n, each)),
        Type::BOOLEAN => values::<BoolType>(file, column, &mut |n| shown(n, each)),
        _ => return None,
    })
}
