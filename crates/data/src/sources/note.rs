//! Notes on how a source was interpreted.

use std::fmt;

/// How a source was interpreted, if that is not obvious; displays as half a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A complete text.
    Text(String),
    /// The columns used, where others might be the labels: any can be [specified](super::ColumnNames::labels).
    OneOfLabelColumns(String),
    /// The columns of a table without a recognised label column: it can be [specified](super::ColumnNames::labels).
    NoLabelColumn(String),
    /// A label whose parts are labels elsewhere: a [separator](super::ColumnNames::separator) divides it.
    SeveralLabels {
        /// The label.
        label: String,
        /// The character between its parts.
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
