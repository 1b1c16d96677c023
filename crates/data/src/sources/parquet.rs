//! What tables with pictures and manifests have in common where they are Parquet files.

use headstart_parquet::Failure;
use headstart_parquet::columns::is_text;
use parquet::basic::Type;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::columns::Role;
use super::walk::cannot_be_read;

/// What columns of pictures' names are called.
pub(super) const NAMES: [&str; 5] = ["path", "file_name", "filename", "file", "name"];

/// Columns of one value a row that may be pictures: bytes that neither say that they are text nor have
/// the name of something else.
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

/// What to say of a file; of one that is damaged, what `damaged` makes of the reason.
pub(super) fn told(failure: impl Into<Failure>, damaged: impl FnOnce(&str) -> String) -> String {
    match failure.into() {
        Failure::Io(error) => cannot_be_read(&error),
        Failure::Damage(reason) => damaged(&reason),
    }
}
