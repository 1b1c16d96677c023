//! Which of a table's columns hold pictures, their names and their labels.

use std::borrow::Cow;
use std::collections::HashMap;

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::super::ListingProblem;
use super::super::columns::{ColumnNames, Columns as Others, Role};
use super::super::parquet_file::not_read;

/// Names of columns of pictures, where there are several of bytes.
const PICTURES: [&str; 9] =
    ["image", "picture", "photo", "img", "jpg", "jpeg", "png", "webp", "bytes"];
const NAMES: [&str; 5] = ["path", "file_name", "filename", "file", "name"];

/// Rows that are decoded at a time of a column of short values.
const ROWS: usize = 1024;

/// Elements that lists of labels may have in all.
const ELEMENTS: u64 = 1 << 24;

/// Numbers of a table's columns.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) picture: usize,
    pub(super) name: Option<usize>,
    /// What else a column is taken for, as those of a manifest are.
    pub(super) others: Others,
}

impl Columns {
    /// # Errors
    /// The reason why pictures cannot be read, with the columns that there are.
    pub(super) fn of(
        metadata: &ParquetMetaData,
        asked: &ColumnNames,
    ) -> std::result::Result<Self, ListingProblem> {
        let schema = metadata.file_metadata().schema_descr();
        let all = schema.columns();
        let flat = |column: &ColumnDescriptor| column.max_rep_level() == 0;
        let binary = binary(schema);
        let named = |names: &[&str], column: &ColumnDescriptor| {
            let parts = column.path().parts();
            names.iter().position(|name| parts.iter().any(|part| part.eq_ignore_ascii_case(name)))
        };
        let best = match binary[..] {
            [only] => Some(only),
            _ => {
                let ranked = binary.iter().filter_map(|&i| Some((named(&PICTURES, &all[i])?, i)));
                ranked.min().map(|(_, i)| i)
            }
        };
        let picture = best.ok_or_else(|| {
            let columns: Vec<String> = all.iter().map(|c| describe(c)).collect();
            let columns = columns.join(", ");
            match binary.len() {
                0 => format!("has no column of pictures (binary data); its columns are {columns}"),
                _ => format!("has several columns of binary data: name that of the pictures \"image\"; its columns are {columns}"),
            }
        })?;
        for group in metadata.row_groups() {
            if let Some(reason) = not_read(group.column(picture).compression()) {
                let column = all[picture].path().string();
                return Err(format!("column \"{column}\" is {reason}").into());
            }
        }
        // The path beside the bytes comes before one of the whole table.
        let beside = |column: &ColumnDescriptor| {
            let (own, others) = (column.path().parts(), all[picture].path().parts());
            own[..own.len() - 1] == others[..others.len() - 1]
        };
        let top = |column: &ColumnDescriptor| column.path().parts().len() == 1;
        let find = |names: &[&str], which: &dyn Fn(&ColumnDescriptor) -> bool| {
            let fits = |&i: &usize| i != picture && flat(&all[i]) && which(&all[i]);
            let fitting = (0..all.len()).filter(fits);
            let ranked = fitting.filter_map(|i| {
                let last = all[i].path().parts().last()?;
                let rank = names.iter().position(|name| last.eq_ignore_ascii_case(name))?;
                Some((rank, i))
            });
            ranked.min().map(|(_, i)| i)
        };
        let name = find(&NAMES, &|c| c.physical_type() == Type::BYTE_ARRAY && beside(c))
            .or_else(|| find(&NAMES, &|c| c.physical_type() == Type::BYTE_ARRAY && top(c)));
        // Only what has one value a row, and no place within another column, is called by its name.
        let called = (0..all.len()).map(|i| match i != picture && flat(&all[i]) && top(&all[i]) {
            true => all[i].name().to_owned(),
            false => label_list(&all[i], asked).unwrap_or_default().to_owned(),
        });
        let mut others = Others::of(called.collect(), asked)?;
        if asked.labels.is_empty() {
            others.classes.retain(|&i| is_number(&all[i]));
        }
        Ok(Self { picture, name, others })
    }
}

/// Columns of one value a row that may be pictures: bytes that neither say that they are text nor have
/// the name of something else.
pub(super) fn binary(schema: &SchemaDescriptor) -> Vec<usize> {
    let is_binary = |column: &ColumnDescriptor| {
        let is = |name: &&str| column.name().eq_ignore_ascii_case(name);
        let roles = [Role::Label, Role::Split, Role::Group];
        let known =
            NAMES.iter().any(is) || roles.iter().any(|role| role.rank(column.name()).is_some());
        let bytes = column.physical_type() == Type::BYTE_ARRAY && !is_text(column);
        bytes && !known && column.max_rep_level() == 0
    };
    (0..schema.num_columns()).filter(|&i| is_binary(&schema.column(i))).collect()
}

/// Whether a column has numbers, or says yes and no.
fn is_number(column: &ColumnDescriptor) -> bool {
    let kinds = [Type::BOOLEAN, Type::INT32, Type::INT64, Type::FLOAT, Type::DOUBLE];
    kinds.contains(&column.physical_type())
}

/// Whether a column of bytes says of itself that it is text.
fn is_text(column: &ColumnDescriptor) -> bool {
    matches!(
        column.converted_type(),
        ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON
    ) || matches!(
        column.logical_type_ref(),
        Some(LogicalType::String | LogicalType::Enum | LogicalType::Json)
    )
}

/// `image.bytes (binary)`.
pub(super) fn describe(column: &ColumnDescriptor) -> String {
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

/// Hands on every row's value of a column, in order; `None` where there is none.
pub(super) fn values<T: DataType>(
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

/// Hands on every row's list of a column of them, in order, without what is null in it; `None` where there
/// is no list.
fn lists<T: DataType>(
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
        return Err(ParquetError::General("it declares more values than are read".to_owned()));
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

/// A column ends before its row group does.
pub(super) fn fewer_rows() -> ParquetError {
    ParquetError::General("it has fewer rows than it declares".to_owned())
}

/// The values of so many rows, of which those are there whose level is `whole`.
pub(super) fn spread<'a, V>(
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

/// The text of every row, and none where there is none.
pub(super) fn texts(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> Result<()> {
    values::<ByteArrayType>(file, column, &mut |value| each(value.map(ByteArray::data)))
}

/// The name of a list that may be one of labels.
fn label_list<'a>(column: &'a ColumnDescriptor, asked: &ColumnNames) -> Option<&'a str> {
    let name = column.path().parts().first()?;
    let is_label = match &asked.labels[..] {
        [] => Role::Label.rank(name).is_some(),
        asked => asked.iter().any(|asked| asked == name),
    };
    // No further parts than those of one list have.
    let is_list = column.max_rep_level() == 1 && column.path().parts().len() <= 3;
    (is_label && is_list).then_some(name)
}

/// What a row has in a column of labels.
pub(super) enum Value<'a> {
    One(&'a [u8]),
    Several(Vec<Cow<'a, [u8]>>),
}

/// The label of every row: a text, or a number, for which there may be a name; or a list of these.
///
/// # Errors
/// The reason why the column holds no labels.
pub(super) fn labels(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<Value>),
) -> std::result::Result<(), String> {
    let descriptor = file.metadata().file_metadata().schema_descr().column(column);
    let names = class_names(file.metadata(), &descriptor.path().parts()[0]);
    let name_of = |n: i64| match names.get(&n) {
        Some(name) => Some(Cow::Borrowed(name.as_bytes())),
        // As `datasets` has it where a row has none.
        None if n == -1 && !names.is_empty() => None,
        None => Some(Cow::Owned(n.to_string().into_bytes())),
    };
    let is_list = descriptor.max_rep_level() > 0;
    let mut number = |n: Option<i64>| each(n.and_then(name_of).as_deref().map(Value::One));
    let read = match (descriptor.physical_type(), is_list) {
        (Type::BYTE_ARRAY, false) => texts(file, column, &mut |text| each(text.map(Value::One))),
        (Type::INT32, false) => {
            values::<Int32Type>(file, column, &mut |n| number(n.map(|&n| n.into())))
        }
        (Type::INT64, false) => values::<Int64Type>(file, column, &mut |n| number(n.copied())),
        (Type::BYTE_ARRAY, true) => lists::<ByteArrayType>(file, column, |list| {
            let texts =
                |list: &[ByteArray]| list.iter().map(|t| t.data().to_vec().into()).collect();
            each(list.map(texts).map(Value::Several));
        }),
        (Type::INT32, true) => lists::<Int32Type>(file, column, |list| {
            let names = |list: &[i32]| list.iter().filter_map(|&n| name_of(n.into())).collect();
            each(list.map(names).map(Value::Several));
        }),
        (Type::INT64, true) => lists::<Int64Type>(file, column, |list| {
            let names = |list: &[i64]| list.iter().filter_map(|&n| name_of(n)).collect();
            each(list.map(names).map(Value::Several));
        }),
        _ => {
            return Err(format!(
                "column {} is no label: give text or an integer",
                describe(&descriptor)
            ));
        }
    };
    read.map_err(super::told)
}

/// The text or the number of every row, as a text.
///
/// # Errors
/// The reason why the column has none.
pub(super) fn any_texts(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> std::result::Result<(), String> {
    fn shown<T: ToString>(n: Option<&T>, each: &mut dyn FnMut(Option<&[u8]>)) {
        each(n.map(ToString::to_string).as_deref().map(str::as_bytes));
    }
    let descriptor = file.metadata().file_metadata().schema_descr().column(column);
    let read = match descriptor.physical_type() {
        Type::BYTE_ARRAY => texts(file, column, each),
        Type::INT32 => values::<Int32Type>(file, column, &mut |n| shown(n, each)),
        Type::INT64 => values::<Int64Type>(file, column, &mut |n| shown(n, each)),
        Type::FLOAT => values::<FloatType>(file, column, &mut |n| shown(n, each)),
        Type::DOUBLE => values::<DoubleType>(file, column, &mut |n| shown(n, each)),
        Type::BOOLEAN => values::<BoolType>(file, column, &mut |n| shown(n, each)),
        _ => {
            return Err(format!("column {} is neither text nor a number", describe(&descriptor)));
        }
    };
    read.map_err(super::told)
}

/// Names of an integer's values, as the Hugging Face library `datasets` keeps them in a file's
/// metadata.
fn class_names(metadata: &ParquetMetaData, column: &str) -> HashMap<i64, String> {
    let entries = metadata.file_metadata().key_value_metadata();
    let features = entries.into_iter().flatten().find(|entry| entry.key == "huggingface");
    let json = features.and_then(|entry| entry.value.as_deref());
    let json: Option<serde_json::Value> = json.and_then(|json| serde_json::from_str(json).ok());
    let feature = json.map(|json| json["info"]["features"][column].clone()).unwrap_or_default();
    // Those of a list are those of its elements.
    let of = |feature: &serde_json::Value| {
        serde_json::from_value::<Vec<String>>(feature["names"].clone()).ok()
    };
    let names = of(&feature).or_else(|| of(&feature["feature"]));
    (0..).zip(names.unwrap_or_default()).collect()
}
