//! Manifests in Parquet.

use std::path::Path;
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::record::Field;
use parquet::schema::types::Type;

use super::super::parquet_file::{Failure, ParquetFile, TEXTS};
use super::super::table::holds_pictures;
use super::{Column, Row, Rows};
use crate::decode::guarded;

/// Rows that a manifest may have, or as many for each of its bytes: paths that count up take hardly
/// any room.
const ROWS: u64 = 1 << 20;
const ROWS_A_BYTE: u64 = 32;
/// Bytes that its paths may have, or as many for each row: a path that is said once may stand in all
/// rows.
const PATHS: u64 = 4 << 20;
const PATH: u64 = 1024;

/// Whether a Parquet file has paths, and no pictures.
pub(super) fn lists_paths(path: &Path) -> bool {
    let is_manifest = || {
        let file = ParquetFile::open(path, TEXTS).ok()?;
        let schema = file.metadata().file_metadata().schema_descr();
        let mut names = schema.root_schema().get_fields().iter().map(|field| field.name());
        Some(names.any(|name| name.eq_ignore_ascii_case("path")) && !holds_pictures(schema))
    };
    guarded(is_manifest).ok().flatten().unwrap_or(false)
}

/// Reads all rows.
///
/// # Errors
/// What is wrong with the file, half a line for people.
pub(super) fn read(path: &Path, rows: &mut Rows) -> Result<(), String> {
    let broken = |error: ParquetError| {
        Failure::from(error).told(|reason| format!("cannot be read ({reason})"))
    };
    let reader = ParquetFile::open(path, TEXTS).map_err(broken)?;
    let most = ROWS.max(ROWS_A_BYTE.saturating_mul(reader.len()));
    let most = PATHS.max(PATH.saturating_mul(reader.rows(most).map_err(broken)?));
    let mut paths = 0;
    let schema = reader.metadata().file_metadata().schema();
    let columns = Column::all(schema.get_fields().iter().map(|field| field.name()))?;
    let known: Vec<(Arc<Type>, Column)> = schema
        .get_fields()
        .iter()
        .zip(columns)
        .filter_map(|(field, column)| Some((field.clone(), column?)))
        .collect();
    if let Some((field, _)) = known.iter().find(|(field, _)| !field.is_primitive()) {
        return Err(format!(
            "column \"{}\" holds several values a row; one is needed",
            field.name()
        ));
    }
    let wanted = known.iter().map(|(field, _)| field.clone()).collect();
    let wanted = Type::group_type_builder(schema.name()).with_fields(wanted).build();
    let all = reader.get_row_iter(Some(wanted.map_err(broken)?)).map_err(broken)?;
    for (index, record) in all.enumerate() {
        let place = || format!("row {}", index + 1);
        let record = record.map_err(broken)?;
        let mut values = Vec::with_capacity(known.len());
        for ((name, field), (_, column)) in record.get_column_iter().zip(&known) {
            let value = text(field).ok_or_else(|| {
                format!("{}, column \"{name}\": {field} is neither text nor a number", place())
            })?;
            if *column == Column::Path {
                paths += value.len() as u64;
            }
            values.push((*column, value));
        }
        if paths > most {
            return Err(format!("{}: its paths are longer than any are", place()));
        }
        let mut row = Row::default();
        values.iter().for_each(|(column, value)| row.set(*column, value));
        rows.push(&place, &row)?;
    }
    Ok(())
}

/// A value as CSV has it; nothing where it is of another kind.
fn text(field: &Field) -> Option<String> {
    Some(match field {
        Field::Null => String::new(),
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
