//! Parquet: a column of lists of floats, and optionally the columns of a manifest.

use std::ops::Range;
use std::path::Path;

use headstart_parquet::columns::{describe, values};
use headstart_parquet::{ParquetFile, TEXTS, not_read, vectors};
use parquet::basic::Type;
use parquet::data_type::FixedLenByteArrayType;
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::schema::types::ColumnDescriptor;

use super::super::ListingProblem;
use super::super::columns::{ColumnNames, Columns, Role};
use super::super::names::text_of;
use super::super::parquet::told;
use super::super::table::columns::{Value, any_texts, label_list, labels};
use super::{Cell, Contents, FeatureFile, Number, Problem, Take};
use crate::decode::{ContentHash, guarded};

/// The metadata key for the origin of the features.
const ORIGIN: &str = "headstart.features";
/// Usual names of feature columns, best first.
const FEATURES: [&str; 6] = ["features", "feature", "embedding", "embeddings", "vector", "vectors"];
/// Maximum length of a row.
const WIDEST: usize = 1 << 20;
/// The column of pixel hashes.
const CONTENT: &str = "content";

struct Table {
    file: ParquetFile,
    features: usize,
    content: Option<usize>,
    columns: Columns,
    rows: usize,
    width: usize,
}

pub(super) fn open(path: &Path, asked: &ColumnNames) -> Result<FeatureFile, Problem> {
    guarded(|| open_table(path, asked)).unwrap_or_else(|said| Err(damaged(&said).into()))
}

fn open_table(path: &Path, asked: &ColumnNames) -> Result<FeatureFile, Problem> {
    let file = ParquetFile::open(path, TEXTS).map_err(failed)?;
    let metadata = file.metadata();
    let all = metadata.file_metadata().schema_descr().columns();
    let is_numbers = |&column: &usize| vectors::numbers(&all[column]).is_some();
    let matrices: Vec<usize> = (0..all.len()).filter(is_numbers).collect();
    let rank = |&&column: &&usize| {
        let name = &all[column].path().parts()[0];
        FEATURES.iter().position(|known| name.eq_ignore_ascii_case(known))
    };
    let best = matrices.iter().filter(|column| rank(column).is_some()).min_by_key(rank);
    let features = match (best, &matrices[..]) {
        (Some(&best), _) => best,
        (None, &[only]) => only,
        _ => {
            let columns: Vec<String> = all.iter().map(|column| describe(column)).collect();
            let columns = columns.join(", ");
            return Err(format!(
                "has no column \"features\" with a list of floats in each row; its columns are {columns}"
            )
            .into());
        }
    };
    for group in metadata.row_groups() {
        if let Some(reason) = not_read(group.column(features).compression()) {
            return Err(format!("its features are {reason}").into());
        }
    }
    let number = match vectors::numbers(&all[features]).expect("it is one of numbers") {
        vectors::Number::F16 => Number::F16,
        vectors::Number::F32 => Number::F32,
        vectors::Number::F64 => Number::F64,
    };
    let width = vectors::width(&file, features).map_err(failed)?;
    if let Some(width) = width.filter(|&width| width > WIDEST) {
        return Err(format!("has rows of {width} numbers, which are no features").into());
    }
    // A row of features takes at least a byte, which limits the memory allocated.
    let rows = file.rows(file.len().min(u32::MAX.into())).map_err(failed)? as usize;
    // Only columns with one value per row are recognised by name.
    let flat =
        |column: &ColumnDescriptor| column.max_rep_level() == 0 && column.path().parts().len() == 1;
    let called = (0..all.len()).map(|column| match flat(&all[column]) {
        _ if column == features => String::new(),
        true => all[column].name().to_owned(),
        false => label_list(&all[column], asked).unwrap_or_default().to_owned(),
    });
    let columns = Columns::of(called.collect(), asked).map_err(|problem| match problem {
        ListingProblem::NoSuchColumn { holds, name, .. } => {
            let names = all.iter().map(|column| &*column.path().parts()[0]);
            let columns = names.collect::<Vec<_>>().join(", ");
            ListingProblem::NoSuchColumn { holds, name, columns }
        }
        other => other,
    })?;
    let is_content = |column: &&usize| {
        let column = &all[**column];
        let bytes = column.physical_type() == Type::FIXED_LEN_BYTE_ARRAY;
        flat(column) && column.name() == CONTENT && bytes && column.type_length() == 16
    };
    let content = (0..all.len()).collect::<Vec<_>>().iter().find(is_content).copied();
    let entries = metadata.file_metadata().key_value_metadata();
    let origin = entries.into_iter().flatten().find(|entry| entry.key == ORIGIN);
    let origin = origin.and_then(|entry| entry.value.clone());
    let table = Table { features, content, columns, rows, width: width.unwrap_or_default(), file };
    let path = path.to_owned();
    Ok(FeatureFile { path, rows, width, number, origin, contents: Box::new(table) })
}

fn failed(error: ParquetError) -> Problem {
    told(error, damaged).into()
}

fn damaged(reason: &str) -> String {
    format!("a Parquet file that cannot be read ({reason})")
}

/// Runs a read of the file; a panic of the library counts as damage.
fn run<T>(read: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    guarded(read).unwrap_or_else(|said| Err(damaged(&said).into()))
}

impl Contents for Table {
    fn pieces(&self) -> Vec<Range<usize>> {
        let mut next = 0;
        let groups = self.file.metadata().row_groups().iter();
        groups
            .map(|group| {
                let start = next;
                next += group.num_rows().max(0) as usize;
                start..next
            })
            .collect()
    }

    fn read(&self, piece: usize, each: &mut Take<'_>) -> Result<(), Problem> {
        let first = self.pieces()[piece].start;
        // An error of the consumer is passed on unchanged, not reworded by the library.
        let mut refused = None;
        let read = run(|| {
            let mut each = |numbers: &[u8]| {
                each(numbers).map_err(|error| {
                    refused = Some(error);
                    ParquetError::General(String::new())
                })
            };
            let first = first as u64;
            vectors::read(&self.file, (piece, first), self.features, self.width, &mut each)
                .map_err(failed)
        });
        match refused {
            Some(error) => Err(Problem::Io(error)),
            None => read.map(drop),
        }
    }

    fn label_name(&self) -> Option<&str> {
        self.columns.column(Role::Label).map(|column| &*self.columns.names[column])
    }

    fn labels(&self, each: &mut dyn FnMut(Cell<'_>)) -> Result<(), Problem> {
        let Some(column) = self.columns.column(Role::Label) else {
            let names = self.file.metadata().file_metadata().schema_descr().columns();
            let names = names.iter().map(|column| &*column.path().parts()[0]);
            let columns = names.collect::<Vec<_>>().join(", ");
            let lacks = format!("has no column of labels; it has: {columns}");
            return Err(ListingProblem::NoLabels { lacks }.into());
        };
        run(|| {
            let read = labels(&self.file, column, &mut |value| match value {
                None => each(Cell::None),
                Some(Value::One(text)) => each(Cell::Text(&text_of(text))),
                Some(Value::Several(texts)) => {
                    let texts: Vec<Vec<u8>> = texts.into_iter().map(Into::into).collect();
                    each(Cell::List(&texts));
                }
            });
            read.map_err(Problem::from)
        })
    }

    fn marks(&self, each: &mut dyn FnMut(usize, usize, &str)) -> Result<(), Problem> {
        run(|| {
            for (class, &column) in self.columns.classes.iter().enumerate() {
                let mut rows = 0..;
                any_texts(&self.file, column, &mut |text| {
                    let row = rows.next().unwrap_or(usize::MAX);
                    each(class, row, &String::from_utf8_lossy(text.unwrap_or_default()));
                })?;
            }
            Ok(())
        })
    }

    fn has(&self, role: Role) -> bool {
        self.columns.column(role).is_some()
    }

    fn texts(&self, role: Role, each: &mut dyn FnMut(&str)) -> Result<(), Problem> {
        let Some(column) = self.columns.column(role) else { return Ok(()) };
        run(|| {
            any_texts(&self.file, column, &mut |text| {
                each(&String::from_utf8_lossy(text.unwrap_or_default()));
            })
            .map_err(Problem::from)
        })
    }

    fn contents(&self) -> Result<Option<Vec<ContentHash>>, Problem> {
        let Some(column) = self.content else { return Ok(None) };
        let mut hashes = Vec::with_capacity(self.rows.min(1 << 24));
        run(|| {
            values::<FixedLenByteArrayType>(&self.file, column, &mut |hash| {
                let hash = hash.and_then(|hash| hash.data().try_into().ok());
                hashes.push(ContentHash(hash.unwrap_or_default()));
            })
            .map_err(failed)
        })?;
        Ok(Some(hashes))
    }
}
