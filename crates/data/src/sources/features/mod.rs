//! Files of precomputed features: a matrix, and optionally the columns of a manifest.

mod labels;
mod marks;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod safetensors;
mod table;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use headstart_files::read_exact_at;

use super::cells::{side, weight};
use super::columns::{ColumnNames, Role};
use super::{ListingProblem, Subset};
use crate::DataError;
use crate::decode::ContentHash;
pub use labels::FeatureLabels;

/// The number type of a file; numbers are passed on in little-endian order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Half precision.
    F16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Number {
    /// Bytes per number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// A matrix with contiguous rows in a file.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The file, which several threads may read.
    pub file: std::sync::Arc<File>,
    /// Offset of the first row.
    pub at: u64,
}

/// A file of features, of which only the beginning or the end has been read.
pub struct FeatureFile {
    path: PathBuf,
    rows: usize,
    /// Features per row; `None` for a file without rows.
    width: Option<usize>,
    number: Number,
    origin: Option<String>,
    contents: Box<dyn Contents>,
}

/// The interface of the formats. Rows are passed on in order.
trait Contents: Send + Sync {
    /// The location of the matrix, if its rows are stored in the form in which they are passed on.
    fn raw(&self) -> Option<Raw> {
        None
    }

    /// Ranges of rows that are read at a time.
    fn pieces(&self) -> Vec<Range<usize>>;

    /// Passes on the numbers of a piece, any number of complete ones at a time.
    fn read(&self, piece: usize, each: &mut Take<'_>) -> Result<(), Problem>;

    /// The name of the labels, if there are any.
    fn label_name(&self) -> Option<&str>;

    /// Passes on the labels, one per row.
    fn labels(&self, each: &mut dyn FnMut(Cell<'_>)) -> Result<(), Problem>;

    /// Passes on the value of each row in the columns specified as classes: the class, the row, and the text. The
    /// classes of a row come in order.
    fn marks(&self, each: &mut dyn FnMut(usize, usize, &str)) -> Result<(), Problem>;

    /// Whether there are texts for this role.
    fn has(&self, role: Role) -> bool;

    /// Passes on the texts for a role, one per row, empty if there is none.
    fn texts(&self, role: Role, each: &mut dyn FnMut(&str)) -> Result<(), Problem>;

    /// Hashes of the pictures' pixels, if available.
    fn contents(&self) -> Result<Option<Vec<ContentHash>>, Problem>;
}

/// A consumer of numbers, which may fail.
type Take<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// The label of a row.
enum Cell<'a> {
    None,
    Text(&'a str),
    /// The texts of a list, which only Parquet files have.
    #[cfg_attr(not(feature = "parquet"), expect(dead_code))]
    List(&'a [Vec<u8>]),
}

/// The reason why a file cannot be read.
enum Problem {
    /// An error of the system, or of the consumer of the numbers.
    Io(io::Error),
    Listing(ListingProblem),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => "ends early: it was not written to its end".into(),
            _ => Self::Io(error),
        }
    }
}

impl From<ListingProblem> for Problem {
    fn from(problem: ListingProblem) -> Self {
        Self::Listing(problem)
    }
}

impl From<String> for Problem {
    fn from(reason: String) -> Self {
        Self::Listing(reason.into())
    }
}

impl From<&str> for Problem {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl Problem {
    fn of(self, path: &Path) -> DataError {
        let path = path.to_owned();
        match self {
            Self::Io(cause) if cause.kind() == io::ErrorKind::NotFound => {
                DataError::Missing { path }
            }
            Self::Io(cause) => DataError::Unreadable { path, cause },
            Self::Listing(reason) => DataError::Contents { path, reason },
        }
    }
}

impl FeatureFile {
    /// Opens a file by its extension: `.npy`, `.safetensors` or, with the feature of that name, `.parquet`. Roles of
    /// columns are determined as for a manifest; those of an `.npy` are in a table with the same name plus `.csv`.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or contains no matrix of numbers.
    pub fn open(path: &Path, asked: &ColumnNames) -> Result<Self, DataError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let opened = match ending {
            "npy" => npy::open(path, asked),
            #[cfg(feature = "parquet")]
            "parquet" => parquet::open(path, asked),
            "safetensors" => safetensors::open(path, asked),
            _ => Err("is no file of features: these are .parquet, .npy or .safetensors".into()),
        };
        opened.map_err(|problem| problem.of(path))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Features per row; `None` for a file without rows.
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// The type of the features.
    pub fn number(&self) -> Number {
        self.number
    }

    /// The value of `headstart.features` in its metadata, if present.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The location of the matrix, if its rows are contiguous and the numbers little-endian.
    pub fn raw(&self) -> Option<Raw> {
        self.contents.raw()
    }

    /// Ranges of rows that are read at a time, in order.
    pub fn pieces(&self) -> Vec<Range<usize>> {
        self.contents.pieces()
    }

    /// Passes on the numbers of a piece in order, any number of complete ones at a time.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, and errors of `each`.
    pub fn read(
        &self,
        piece: usize,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), DataError> {
        self.contents.read(piece, each).map_err(|problem| problem.of(&self.path))
    }

    /// Whether it specifies the side of any row.
    pub fn has_sides(&self) -> bool {
        self.contents.has(Role::Split)
    }

    /// Whether it has groups.
    pub fn has_groups(&self) -> bool {
        self.contents.has(Role::Group)
    }

    /// Whether it has weights.
    pub fn has_weights(&self) -> bool {
        self.contents.has(Role::Weight)
    }

    /// The side of each row.
    ///
    /// # Errors
    /// When the file cannot be read, or contains an invalid side.
    pub fn sides(&self) -> Result<Vec<Option<Subset>>, DataError> {
        self.values(Role::Split, side)
    }

    /// The training weight of each row.
    ///
    /// # Errors
    /// When the file cannot be read, or contains an invalid weight.
    pub fn weights(&self) -> Result<Vec<f32>, DataError> {
        self.values(Role::Weight, weight)
    }

    fn values<T: Clone>(
        &self,
        role: Role,
        of: fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, DataError> {
        let (mut values, mut wrong) = (Vec::with_capacity(self.rows), None);
        self.texts(role, &mut |text| match of(text.trim()) {
            Ok(value) => values.push(value),
            Err(reason) => {
                wrong.get_or_insert(format!("row {}, {reason}", values.len() + 1));
            }
        })?;
        match wrong {
            Some(reason) => Err(Problem::from(reason).of(&self.path)),
            None => Ok(values),
        }
    }

    /// Passes on the name of each row's group, empty if it has none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn for_each_group(&self, each: &mut dyn FnMut(&str)) -> Result<(), DataError> {
        self.texts(Role::Group, each)
    }

    /// Passes on the path of each row's picture, empty if unknown.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn for_each_path(&self, each: &mut dyn FnMut(&str)) -> Result<(), DataError> {
        self.texts(Role::Path, each)
    }

    /// Passes on a text for each row, even if the file has none.
    fn texts(&self, role: Role, each: &mut dyn FnMut(&str)) -> Result<(), DataError> {
        let mut count = 0;
        if self.contents.has(role) {
            let read = self.contents.texts(role, &mut |text| {
                count += 1;
                if count <= self.rows {
                    each(text);
                }
            });
            read.map_err(|problem| problem.of(&self.path))?;
        }
        (count..self.rows).for_each(|_| each(""));
        Ok(())
    }

    /// Hashes of the pictures' pixels, if available.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn contents(&self) -> Result<Option<Vec<ContentHash>>, DataError> {
        let contents = self.contents.contents().map_err(|problem| problem.of(&self.path))?;
        Ok(contents.filter(|contents| contents.len() == self.rows))
    }
}

/// Bytes read at a time.
const BLOCK: usize = 1 << 20;

/// Divides rows into ranges of at most `most`.
fn runs(rows: usize, most: usize) -> Vec<Range<usize>> {
    (0..rows).step_by(most).map(|start| start..(start + most).min(rows)).collect()
}

/// Rows per piece of a matrix: 4 MiB, or a single longer row.
fn rows_of_piece(bytes_of_row: usize) -> usize {
    ((4 << 20) / bytes_of_row.max(1)).max(1)
}

impl Raw {
    /// Passes on the rows of a matrix with `row` bytes each.
    fn read(&self, rows: Range<usize>, row: usize, each: &mut Take<'_>) -> Result<(), Problem> {
        let (mut at, end) = (rows.start as u64 * row as u64, rows.end as u64 * row as u64);
        let mut block = vec![0; BLOCK];
        while at < end {
            let block = &mut block[..(end - at).min(BLOCK as u64) as usize];
            read_exact_at(&self.file, block, self.at + at)?;
            each(block)?;
            at += block.len() as u64;
        }
        Ok(())
    }
}
