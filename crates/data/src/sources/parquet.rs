//! Shared code of picture tables and manifests in Parquet.

use headstart_parquet::Failure;
use headstart_parquet::columns::is_text;
use parquet::basic::Type;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::columns::Role;
use super::walk::cannot_be_read;

/// Usual names of columns of pictures' names.
pub(super) const NAMES: [&str; 5] = ["path", "file_name", "filename", "file", "name"];

/// Columns with one value per row that may be pictures: bytes neither declared as text nor with the name of another
/// role.
pub(super) fn picture_columns(schema: &SchemaDescriptor) -> Vec<usize> {
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

/// The message for a failure; for a damaged file, `damaged` formats the reason.
pub(super) fn told(failure: impl Into<Failure>, damaged: impl FnOnce(&str) -> String) -> String {
    match failure.into() {
        Failure::Io(error) => cannot_be_read(&error),
        Failure::Damage(reason) => damaged(&reason),
    }
}
