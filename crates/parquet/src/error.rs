//! Errors of reading a file.

use std::io;

use parquet::errors::ParquetError;

/// An error for a damaged file.
pub(crate) fn damaged(reason: &str) -> ParquetError {
    ParquetError::General(reason.to_owned())
}

/// Why data of a file cannot be read.
#[derive(Debug)]
pub enum Failure {
    /// The file cannot be read, perhaps only temporarily.
    Io(io::Error),
    /// The file is damaged, as described in one line.
    Damage(String),
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        use ParquetError::{EOF, External, General, NYI};
        let said = match error {
            External(error) => match error.downcast::<io::Error>() {
                Ok(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Self::Io(*error);
                }
                Ok(_) => "it ends early".to_owned(),
                Err(error) => error.to_string(),
            },
            // Without the library's own prefix.
            General(reason) | NYI(reason) | EOF(reason) => reason,
            other => other.to_string(),
        };
        Self::Damage(said.lines().next().unwrap_or_default().to_owned())
    }
}

/// The error for a column that ends before its row group.
pub(crate) fn fewer_rows() -> ParquetError {
    damaged("it has fewer rows than it declares")
}
