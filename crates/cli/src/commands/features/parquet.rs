//! Parquet: the columns `path`, `label` and `features` (a list of f32).

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use headstart::data::sources::Listed;
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{Writer, label_column};

/// The schema, with what the column of labels is called.
fn schema(label: &str) -> String {
    format!(
        "message features {{
            required binary path (UTF8);
            optional binary {label} (UTF8);
            required group features (LIST) {{ repeated group list {{ required float element; }} }}
        }}"
    )
}

/// Pictures in a row group: what is kept in memory.
const GROUP: usize = 2048;

struct Parquet {
    out: SerializedFileWriter<File>,
    features: usize,
    paths: Vec<ByteArray>,
    labels: Vec<ByteArray>,
    /// 1 where there is a label, 0 where there is none.
    labelled: Vec<i16>,
    values: Vec<f32>,
}

pub(super) fn open(
    file: File,
    _: &Path,
    pictures: &[Listed],
    features: usize,
) -> anyhow::Result<Box<dyn Writer>> {
    let schema = Arc::new(parse_message_type(&schema(label_column(pictures)))?);
    let out = SerializedFileWriter::new(file, schema, Arc::default())?;
    let (paths, labels, labelled, values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Ok(Box::new(Parquet { out, features, paths, labels, labelled, values }))
}

impl Parquet {
    fn flush(&mut self) -> anyhow::Result<()> {
        if self.paths.is_empty() {
            return Ok(());
        }
        let mut group = self.out.next_row_group()?;
        let missing = "the schema has three columns";
        let mut column = group.next_column()?.expect(missing);
        column.typed::<ByteArrayType>().write_batch(&self.paths, None, None)?;
        column.close()?;
        let mut column = group.next_column()?.expect(missing);
        column.typed::<ByteArrayType>().write_batch(&self.labels, Some(&self.labelled), None)?;
        column.close()?;
        // Every element is defined; the first of a list begins a row.
        let defined = vec![1; self.values.len()];
        let repeated: Vec<i16> =
            (0..self.values.len()).map(|i| i16::from(i % self.features != 0)).collect();
        let mut column = group.next_column()?.expect(missing);
        column.typed::<FloatType>().write_batch(&self.values, Some(&defined), Some(&repeated))?;
        column.close()?;
        group.close()?;
        self.paths.clear();
        self.labels.clear();
        self.labelled.clear();
        self.values.clear();
        Ok(())
    }
}

impl Writer for Parquet {
    fn push(&mut self, path: &str, label: Option<&str>, features: &[f32]) -> anyhow::Result<()> {
        self.paths.push(path.into());
        self.labelled.push(i16::from(label.is_some()));
        self.labels.extend(label.map(ByteArray::from));
        self.values.extend(features);
        if self.paths.len() == GROUP { self.flush() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.flush()?;
        self.out.close()?;
        Ok(())
    }
}
