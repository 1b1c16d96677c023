//! Files of features that were computed before: a matrix, and beside it what manifests have in their
//! columns.

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

/// Numbers of a file, which are little-endian when they are handed on.
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
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

/// A matrix whose rows lie in a file one after the other.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The file, which several threads may read.
    pub file: std::sync::Arc<File>,
    /// Where the first row begins.
    pub at: u64,
}

/// A file of features, of which nothing but its beginning or its end has been read.
pub struct FeatureFile {
    path: PathBuf,
    rows: usize,
    /// Features of a row; none of a file without rows.
    width: Option<usize>,
    number: Number,
    origin: Option<String>,
    contents: Box<dyn Contents>,
}

/// What the formats have in common. Rows are handed on in order.
trait Contents: Send + Sync {
    /// Where the matrix lies, if its rows lie there as they are handed on.
    fn raw(&self) -> Option<Raw> {
        None
    }

    /// Runs of rows that are read at a time.
    fn pieces(&self) -> Vec<Range<usize>>;

    /// Hands on the numbers of a piece: any number of whole ones at a time.
    fn read(&self, piece: usize, each: &mut Take<'_>) -> Result<(), Problem>;

    /// The name of what labels are in, if there is any.
    fn label_name(&self) -> Option<&str>;

    /// Labels, one a row.
    fn labels(&self, each: &mut dyn FnMut(Cell<'_>)) -> Result<(), Problem>;

    /// What each row has in the columns that were named as those of a class each: the class, the row, and the
    /// text. Of a row, classes come in order.
    fn marks(&self, each: &mut dyn FnMut(usize, usize, &str)) -> Result<(), Problem>;

    /// Whether there are texts of this role.
    fn has(&self, role: Role) -> bool;

    /// Texts of a role, one a row, empty where there is none.
    fn texts(&self, role: Role, each: &mut dyn FnMut(&str)) -> Result<(), Problem>;

    /// Hashes of the pictures' pixels, if they are there.
    fn contents(&self) -> Result<Option<Vec<ContentHash>>, Problem>;
}

/// What takes numbers, and may refuse them.
type Take<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// What a row has for a label.
enum Cell<'a> {
    None,
    Text(&'a str),
    /// The texts of a list.
    List(&'a [Vec<u8>]),
}

/// Why a file cannot be read.
enum Problem {
    /// The system says so, or whoever takes the numbers.
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
    /// Opens a file, by its ending: `.npy`, `.safetensors` or, with the feature of that name, `.parquet`.
    /// Which columns hold what is as in a manifest; of an `.npy` these are in a table beside it that is
    /// called the same with `.csv` behind it.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or has no matrix of numbers.
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

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Features of a row; none of a file without rows.
    pub fn width(&self) -> Option<usize> {
        self.width
    }

    /// What the features are.
    pub fn number(&self) -> Number {
        self.number
    }

    /// What `headstart.features` in its metadata says, if it is there.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Where the matrix lies, if its rows lie one after the other, each number little-endian.
    pub fn raw(&self) -> Option<Raw> {
        self.contents.raw()
    }

    /// Runs of rows that are read at a time, in order.
    pub fn pieces(&self) -> Vec<Range<usize>> {
        self.contents.pieces()
    }

    /// Hands on the numbers of a piece in order: any number of whole ones at a time.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, and what `each` returns.
    pub fn read(
        &self,
        piece: usize,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), DataError> {
        self.contents.read(piece, each).map_err(|problem| problem.of(&self.path))
    }

    /// Whether it says of any row which side it is on.
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

    /// The side that each row is given to.
    ///
    /// # Errors
    /// When the file cannot be read, or says what is no side.
    pub fn sides(&self) -> Result<Vec<Option<Subset>>, DataError> {
        self.values(Role::Split, side)
    }

    /// What each row counts for in training.
    ///
    /// # Errors
    /// When the file cannot be read, or says what is no weight.
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

    /// Hands on the name of each row's group, empty where it has none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn for_each_group(&self, each: &mut dyn FnMut(&str)) -> Result<(), DataError> {
        self.texts(Role::Group, each)
    }

    /// Hands on the path of each row's picture, empty where it is not known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn for_each_path(&self, each: &mut dyn FnMut(&str)) -> Result<(), DataError> {
        self.texts(Role::Path, each)
    }

    /// Hands on a text for each row, whatever the file has.
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

    /// Hashes of the pictures' pixels, if they are there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn contents(&self) -> Result<Option<Vec<ContentHash>>, DataError> {
        let contents = self.contents.contents().map_err(|problem| problem.of(&self.path))?;
        Ok(contents.filter(|contents| contents.len() == self.rows))
    }
}

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 20;

/// Runs of so many rows each.
fn runs(rows: usize, most: usize) -> Vec<Range<usize>> {
    (0..rows).step_by(most).map(|start| start..(start + most).min(rows)).collect()
}

/// Rows of a matrix that are a piece: of 4 MiB, where rows are no longer.
fn rows_of_piece(bytes_of_row: usize) -> usize {
    ((4 << 20) / bytes_of_row.max(1)).max(1)
}

impl Raw {
    /// Hands on the rows of a matrix, whose numbers have so many bytes in all.
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
