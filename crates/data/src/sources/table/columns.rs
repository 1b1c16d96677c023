//! The columns of a table that contain pictures, their names and their labels.

use std::borrow::Cow;
use std::collections::HashMap;

use headstart_parquet::columns::{any_texts as texts_of, describe, lists, texts, values};
use headstart_parquet::not_read;
use parquet::basic::Type;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::schema::types::ColumnDescriptor;

use super::super::ListingProblem;
use super::super::columns::{ColumnNames, Columns as Others, Role};
use super::super::parquet::{NAMES, picture_columns};

/// Names of picture columns, for tables with several columns of bytes.
const PICTURES: [&str; 9] =
    ["image", "picture", "photo", "img", "jpg", "jpeg", "png", "webp", "bytes"];

/// Indices of a table's columns.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) picture: usize,
    pub(super) name: Option<usize>,
    /// The roles of other columns, as for a manifest.
    pub(super) others: Others,
}

impl Columns {
    /// # Errors
    /// The reason why pictures cannot be read, with the existing columns.
    pub(super) fn of(
        metadata: &ParquetMetaData,
        asked: &ColumnNames,
    ) -> Result<Self, ListingProblem> {
        let schema = metadata.file_metadata().schema_descr();
        let all = schema.columns();
        let flat = |column: &ColumnDescriptor| column.max_rep_level() == 0;
        let binary = picture_columns(schema);
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
        // The path beside the bytes takes precedence over a path column of the table.
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
        // Only top-level columns with one value per row are recognised by name.
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

/// Whether a column contains numbers or booleans.
fn is_number(column: &ColumnDescriptor) -> bool {
    let kinds = [Type::BOOLEAN, Type::INT32, Type::INT64, Type::FLOAT, Type::DOUBLE];
    kinds.contains(&column.physical_type())
}

/// The name of a list that may contain labels.
pub(in crate::sources) fn label_list<'a>(
    column: &'a ColumnDescriptor,
    asked: &ColumnNames,
) -> Option<&'a str> {
    let name = column.path().parts().first()?;
    let is_label = match &asked.labels[..] {
        [] => Role::Label.rank(name).is_some(),
        asked => asked.iter().any(|asked| asked == name),
    };
    // No more path components than a single list has.
    let is_list = column.max_rep_level() == 1 && column.path().parts().len() <= 3;
    (is_label && is_list).then_some(name)
}

/// The value of a row in a label column.
pub(in crate::sources) enum Value<'a> {
    One(&'a [u8]),
    Several(Vec<Cow<'a, [u8]>>),
}

/// The label of every row: a text, or a number, for which there may be a name; or a list of these.
///
/// # Errors
/// The reason why the column contains no labels.
pub(in crate::sources) fn labels(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<Value>),
) -> Result<(), String> {
    let descriptor = file.metadata().file_metadata().schema_descr().column(column);
    let names = class_names(file.metadata(), &descriptor.path().parts()[0]);
    let name_of = |n: i64| match names.get(&n) {
        Some(name) => Some(Cow::Borrowed(name.as_bytes())),
        // The value for missing labels in `datasets`.
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

/// The value of every row, a text or a number, as a text.
///
/// # Errors
/// The reason why the column has none.
pub(in crate::sources) fn any_texts(
    file: &dyn FileReader,
    column: usize,
    each: &mut dyn FnMut(Option<&[u8]>),
) -> Result<(), String> {
    let Some(read) = texts_of(file, column, each) else {
        let descriptor = file.metadata().file_metadata().schema_descr().column(column);
        return Err(format!("column {} is neither text nor a number", describe(&descriptor)));
    };
    read.map_err(super::told)
}

/// Names of an integer column's values, as stored by the Hugging Face library `datasets` in a file's metadata.
fn class_names(metadata: &ParquetMetaData, column: &str) -> HashMap<i64, String> {
    let entries = metadata.file_metadata().key_value_metadata();
    let features = entries.into_iter().flatten().find(|entry| entry.key == "huggingface");
    let json = features.and_then(|entry| entry.value.as_deref());
    let json: Option<serde_json::Value> = json.and_then(|json| serde_json::from_str(json).ok());
    let feature = json.map(|json| json["info"]["features"][column].clone()).unwrap_or_default();
    // For a list, those of its elements.
    let of = |feature: &serde_json::Value| {
        serde_json::from_value::<Vec<String>>(feature["names"].clone()).ok()
    };
    let names = of(&feature).or_else(|| of(&feature["feature"]));
    (0..).zip(names.unwrap_or_default()).collect()
}
