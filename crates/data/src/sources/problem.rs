//! Why a file that lists or holds pictures cannot be listed.

/// Why a file that lists or holds pictures cannot be listed; as text half a line for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListingProblem {
    /// What is wrong with it, and what to do.
    #[error("{0}")]
    Other(String),
    /// No column is called as one of paths is.
    #[error(
        "has no column \"path\" in its first line; it has: {columns}; name the one with the pictures' paths"
    )]
    NoPathColumn {
        /// Those that there are.
        columns: String,
    },
    /// Nothing in a file of features is called as labels are.
    #[error("{lacks}; name the one with the labels")]
    NoLabels {
        /// What it lacks, and what it has.
        lacks: String,
    },
    /// A column was asked for that is not there.
    #[error("{name}: there is no such column; it has: {columns}")]
    NoSuchColumn {
        /// What it was to hold.
        holds: ColumnUse,
        /// Its name.
        name: String,
        /// Those that there are.
        columns: String,
    },
}

/// What a column that is asked for holds.
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
