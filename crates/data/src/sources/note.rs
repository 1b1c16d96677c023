//! How a source was understood.

use std::fmt;

/// How a source was understood, where that does not go without saying; as text half a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// In words that say all.
    Text(String),
    /// What columns of a table were taken for, where others may hold the labels: any may be
    /// [named](super::ColumnNames::labels).
    OneOfLabelColumns(String),
    /// The columns of a table, none of which was taken for the labels: it may be
    /// [named](super::ColumnNames::labels).
    NoLabelColumn(String),
    /// A label whose parts are labels elsewhere: a [separator](super::ColumnNames::separator) takes it
    /// apart.
    SeveralLabels {
        /// The label.
        label: String,
        /// What stands between its parts.
        separator: char,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::OneOfLabelColumns(text) | Self::NoLabelColumn(text) => {
                f.write_str(text)
            }
            Self::SeveralLabels { label, .. } => {
                write!(f, "\"{}\" may be several labels", label.escape_debug())
            }
        }
    }
}

impl From<String> for Note {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
