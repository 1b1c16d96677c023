//! Manifests in Parquet.

use std::path::Path;

use headstart_parquet::{ParquetFile, TEXTS};
use parquet::basic::{ConvertedType, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::record::Field;
use parquet::schema::types::Type;

use super::super::ListingProblem;
use super::super::columns::{ColumnNames, Role};
use super::super::parquet::{picture_columns, told};
use super::rows::{Rows, Value};
use crate::decode::guarded;

/// Maximum number of rows of a manifest, or of rows per byte of it if that is more: consecutive paths compress
/// extremely well.
const ROWS: u64 = 1 << 20;
const ROWS_A_BYTE: u64 = 32;
/// Maximum bytes of its paths, or that many per row: a path stored once may be used in all rows.
const PATHS: u64 = 4 << 20;
const PATH: u64 = 1024;
/// Maximum number of values in all columns together, or as many per byte as there may be rows.
const VALUES: u64 = 1 << 24;

/// Whether a Parquet file has paths, and no pictures. If the path column is specified by name, any file without
/// pictures does.
pub(super) fn lists_paths(path: &Path, asked: &ColumnNames) -> bool {
    let is_manifest = || {
        let file = ParquetFile::open(path, TEXTS).ok()?;
        let schema = file.metadata().file_metadata().schema_descr();
        let fields = schema.root_schema().get_fields().iter();
        let mut fields = fields.filter(|field| field.is_primitive());
        let is_path = fields.any(|field| Role::Path.rank(field.name()).is_some());
        Some((is_path || asked.path.is_some()) && picture_columns(schema).is_empty())
    };
    guarded(is_manifest).ok().flatten().unwrap_or(false)
}

/// Reads all rows.
///
/// # Errors
/// A description of the problem, half a line for people.
pub(super) fn read<'a>(path: &'a Path, asked: &ColumnNames) -> Result<Rows<'a>, ListingProblem> {
    let broken = |error: ParquetError| told(error, |reason| format!("cannot be read ({reason})"));
    let reader = ParquetFile::open(path, TEXTS).map_err(broken)?;
    let most = ROWS.max(ROWS_A_BYTE.saturating_mul(reader.len()));
    let count = reader.rows(most).map_err(broken)?;
    let most = PATHS.max(PATH.saturating_mul(count));
    let mut paths = 0;
    let schema = reader.metadata().file_metadata().schema();
    let fields = schema.get_fields();
    let mut rows =
        Rows::new(path, fields.iter().map(|field| field.name().to_owned()).collect(), asked)?;
    let is_label_list = |column: usize| rows.is_label(column) && is_list(&fields[column]);
    let is_read = |column: usize| match fields[column].is_primitive() {
        true => !rows.may_be_class(column) || is_number(&fields[column]),
        // A column of something other than single values is not a class, but may have a name that is looked for.
        false => !rows.may_be_class(column),
    };
    let known: Vec<usize> =
        (0..fields.len()).filter(|&column| rows.reads(column) && is_read(column)).collect();
    let is_one = |column: usize| fields[column].is_primitive() || is_label_list(column);
    if let Some(&column) = known.iter().find(|&&column| !is_one(column)) {
        return Err(format!(
            "column \"{}\" holds several values a row; one is needed",
            fields[column].name()
        )
        .into());
    }
    let in_lists: u64 = known
        .iter()
        .filter(|&&column| is_label_list(column))
        .map(|&column| elements(&reader, column))
        .sum();
    let values = count.saturating_mul(known.len() as u64).saturating_add(in_lists);
    if values > VALUES.max(ROWS_A_BYTE.saturating_mul(reader.len())) {
        let reason = "cannot be read (it declares more values than it can have)";
        return Err(reason.to_owned().into());
    }
    let wanted = known.iter().map(|&column| fields[column].clone()).collect();
    let wanted = Type::group_type_builder(schema.name()).with_fields(wanted).build();
    let all = reader.get_row_iter(Some(wanted.map_err(broken)?)).map_err(broken)?;
    for (index, record) in all.enumerate() {
        let number = index as u64 + 1;
        let record = record.map_err(broken)?;
        let mut values: Vec<Value> = Vec::new();
        // Unread columns get a value that no class has.
        values.resize_with(rows.len(), || Value::Other);
        for ((_, field), &column) in record.get_column_iter().zip(&known) {
            let value = value(field);
            if let Value::Text(path) = &value
                && rows.is_path(column)
            {
                paths += path.len() as u64;
            }
            values[column] = value;
        }
        if paths > most {
            return Err(format!("row {number}: its paths are longer than any are").into());
        }
        rows.push("row", &|| number, &values)?;
    }
    Ok(rows)
}

/// Whether a column has a list of texts or numbers per row.
fn is_list(field: &Type) -> bool {
    let is_list = field.get_basic_info().converted_type() == ConvertedType::LIST;
    let mut inner = field;
    while let Type::GroupType { fields, .. } = inner
        && let [only] = &fields[..]
    {
        inner = only;
    }
    is_list && inner.is_primitive()
}

/// The declared number of values in the lists of a column.
fn elements(reader: &ParquetFile, column: usize) -> u64 {
    let schema = reader.metadata().file_metadata().schema_descr();
    let leaves =
        (0..schema.num_columns()).filter(|&leaf| schema.get_column_root_idx(leaf) == column);
    let groups = reader.metadata().row_groups();
    let values =
        leaves.flat_map(|leaf| groups.iter().map(move |group| group.column(leaf).num_values()));
    values.map(|values| u64::try_from(values).unwrap_or(u64::MAX)).fold(0, u64::saturating_add)
}

/// A value, or a list of them.
fn value(field: &Field) -> Value<'static> {
    if let Field::ListInternal(list) = field {
        let texts: Option<Vec<String>> = list.elements().iter().map(text).collect();
        return texts.map_or(Value::Other, Value::Several);
    }
    text(field).map_or(Value::Other, |text| Value::Text(text.into()))
}

/// Whether a column contains numbers or booleans.
fn is_number(field: &Type) -> bool {
    matches!(
        field.get_physical_type(),
        Physical::BOOLEAN | Physical::INT32 | Physical::INT64 | Physical::FLOAT | Physical::DOUBLE
    )
}

/// A value as in CSV; `None` for other types.
fn text(field: &Field) -> Option<String> {
    Some(match field {
        Field::Null => String::new(),
        Field::Bool(value) => value.to_string(),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).ok()?.to_owned(),
        Field::Byte(n) => n.to_string(),
        Field::Short(n) => n.to_string(),
        Field::Int(n) => n.to_string(),
        Field::Long(n) => n.to_string(),
        Field::UByte(n) => n.to_string(),
        Field::UShort(n) => n.to_string(),
        Field::UInt(n) => n.to_string(),
        Field::ULong(n) => n.to_string(),
        Field::Float(x) => x.to_string(),
        Field::Double(x) => x.to_string(),
        _ => return None,
    })
}
