//! Reasons why a file that lists or contains pictures cannot be listed.

/// The reason why a file that lists or contains pictures cannot be listed; displays as half a line for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListingProblem {
    /// The problem, and what to do.
    #[error("{0}")]
    Other(String),
    /// No column has the name of a path column.
    #[error("has no column \"path\"; there are: {columns}; name the column of paths")]
    NoPathColumn {
        /// The existing columns.
        columns: String,
    },
    /// A file of features contains no labels.
    #[error("{lacks}; name the one with the labels")]
    NoLabels {
        /// What it lacks, and what it has.
        lacks: String,
    },
    /// A specified column does not exist.
    #[error("{name}: no such column; there are: {columns}")]
    NoSuchColumn {
        /// Its intended use.
        holds: ColumnUse,
        /// Its name.
        name: String,
        /// The existing columns.
        columns: String,
    },
}

/// The use of a specified column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnUse {
    /// Paths of pictures.
    Path,
    /// Labels.
    Labels,
}

impl From<String> for ListingProblem {
    fn from(reason: String) -> Self {
        Self::Other(reason)
    }
}
