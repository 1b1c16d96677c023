//! Parquet: the columns `path`, `label`, `features` (a list of f32 or f16), `content` (the hash of the
//! pixels) and, if the pictures have them, `split`, `group` and `weight`. The key-value metadata
//! describes the base that computed the features.

use std::fs::File;
use std::sync::Arc;

use headstart::{FeatureOrigin, Precision};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::{Row, Table, Writer};

/// The Parquet schema of a table.
fn schema(table: &Table) -> String {
    let element = match table.precision {
        Precision::F32 => "float element",
        Precision::F16 => "fixed_len_byte_array(2) element (FLOAT16)",
    };
    let text = |name: &str| format!("optional binary {name} (UTF8);");
    let label = text(table.label);
    let (split, group) = (text("split"), text("group"));
    let optional = [
        (table.has_split, &*split),
        (table.has_group, &*group),
        (table.has_weight, "required float weight;"),
    ];
    let optional: String =
        optional.iter().filter(|(has, _)| *has).map(|(_, column)| *column).collect();
    format!(
        "message features {{
            required binary path (UTF8);
            {label}
            required group features (LIST) {{ repeated group list {{ required {element}; }} }}
            {optional}
            required fixed_len_byte_array(16) content;
        }}"
    )
}

/// Pictures per row group. A row group is kept in memory.
const GROUP: usize = 2048;

struct Parquet {
    out: SerializedFileWriter<File>,
    table: Table,
    paths: Vec<ByteArray>,
    labels: Texts,
    values: Vec<f32>,
    splits: Texts,
    groups: Texts,
    weights: Vec<f32>,
    contents: Vec<FixedLenByteArray>,
}

/// A column of optional texts.
#[derive(Default)]
struct Texts {
    there: Vec<ByteArray>,
    /// Definition levels: 1 where a text is present, 0 where it is missing.
    levels: Vec<i16>,
}

impl Texts {
    fn push(&mut self, text: Option<&str>) {
        self.levels.push(i16::from(text.is_some()));
        self.there.extend(text.map(ByteArray::from));
    }

    fn write(&mut self, group: &mut SerializedRowGroupWriter<File>) -> anyhow::Result<()> {
        column::<ByteArrayType>(group, &self.there, Some(&self.levels), None)?;
        self.there.clear();
        self.levels.clear();
        Ok(())
    }
}

/// Writes the next column of a row group.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<File>,
    values: &[T::T],
    defined: Option<&[i16]>,
    repeated: Option<&[i16]>,
) -> anyhow::Result<()> {
    let mut column = group.next_column()?.expect("the schema has a column for it");
    column.typed::<T>().write_batch(values, defined, repeated)?;
    column.close()?;
    Ok(())
}

pub(super) fn open(
    file: File,
    table: Table,
    origin: &FeatureOrigin,
) -> anyhow::Result<Box<dyn Writer>> {
    let schema = Arc::new(parse_message_type(&schema(&table))?);
    let origin = KeyValue::new(FeatureOrigin::KEY.to_owned(), serde_json::to_string(origin)?);
    // A dictionary does not pay: equal feature values are rare.
    let features = ColumnPath::from(vec!["features".into(), "list".into(), "element".into()]);
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![origin]))
        .set_column_dictionary_enabled(features, false)
        .build();
    let out = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    Ok(Box::new(Parquet {
        out,
        table,
        paths: Vec::new(),
        labels: Texts::default(),
        values: Vec::new(),
        splits: Texts::default(),
        groups: Texts::default(),
        weights: Vec::new(),
        contents: Vec::new(),
    }))
}

impl Parquet {
    fn flush(&mut self) -> anyhow::Result<()> {
        if self.paths.is_empty() {
            return Ok(());
        }
        let mut group = self.out.next_row_group()?;
        column::<ByteArrayType>(&mut group, &self.paths, None, None)?;
        self.labels.write(&mut group)?;
        // Every element is defined. Repetition level 0 starts a new row.
        let count = self.values.len();
        let width = count / self.paths.len();
        let (defined, repeated) = (vec![1; count], (0..count).map(|i| i16::from(i % width != 0)));
        let (defined, repeated) = (Some(&defined[..]), repeated.collect::<Vec<i16>>());
        match self.table.precision {
            Precision::F32 => {
                column::<FloatType>(&mut group, &self.values, defined, Some(&repeated))?;
            }
            Precision::F16 => {
                let mut bytes = Vec::with_capacity(2 * count);
                Precision::F16.encode(&self.values, &mut bytes);
                // All values are slices of the same memory.
                let bytes = ByteArray::from(bytes);
                let half = |at: usize| FixedLenByteArray::from(bytes.slice(2 * at, 2));
                let halves: Vec<FixedLenByteArray> = (0..count).map(half).collect();
                column::<FixedLenByteArrayType>(&mut group, &halves, defined, Some(&repeated))?;
            }
        }
        if self.table.has_split {
            self.splits.write(&mut group)?;
        }
        if self.table.has_group {
            self.groups.write(&mut group)?;
        }
        if self.table.has_weight {
            column::<FloatType>(&mut group, &self.weights, None, None)?;
        }
        column::<FixedLenByteArrayType>(&mut group, &self.contents, None, None)?;
        group.close()?;
        self.paths.clear();
        self.values.clear();
        self.weights.clear();
        self.contents.clear();
        Ok(())
    }
}

impl Writer for Parquet {
    fn push(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        self.paths.push(ByteArray::from(&*row.path()));
        self.labels.push(row.label().as_deref());
        self.values.extend(row.features);
        if self.table.has_split {
            self.splits.push(row.split().as_deref());
        }
        if self.table.has_group {
            self.groups.push(row.group());
        }
        self.weights.push(row.weight());
        let content = row.content.0.to_vec();
        self.contents.push(FixedLenByteArray::from(ByteArray::from(content)));
        if self.paths.len() == GROUP { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.flush()?;
        self.out.close()?;
        Ok(())
    }
}
