//! Choices that a file left open.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// A choice that a file of weights or a model left open, and how it was made.
///
/// As text, and serialised, it is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assumption {
    /// A complete sentence.
    Text(String),
    /// The file has several sets of weights. [`BaseConfig::prefix`](crate::BaseConfig::prefix) selects another.
    OtherPrefixes {
        /// The file.
        file: PathBuf,
        /// The prefix of the names of the weights that are used.
        taken: String,
        /// The prefixes of the other sets.
        others: Vec<String>,
    },
    /// The weights fit several bases. [`BaseConfig::architecture`](crate::BaseConfig::architecture) selects
    /// another.
    AlsoFits {
        /// The file.
        file: PathBuf,
        /// The base that is used.
        taken: &'static str,
        /// The other bases that fit.
        others: Vec<&'static str>,
        /// Whether the weights have timm's names; the other bases are then its `tf_` models.
        timm: bool,
    },
    /// The names of the classes come from a file beside the model.
    /// [`ImportConfig::classes`](crate::ImportConfig::classes) gives others.
    ClassesBeside {
        /// The file with the names.
        file: PathBuf,
    },
}

impl From<String> for Assumption {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::OtherPrefixes { file, taken, others } => {
                let others: Vec<String> = others.iter().map(|other| format!("'{other}'")).collect();
                write!(
                    f,
                    "{} has several sets of weights: those below '{taken}' are taken, not those below {}",
                    file.display(),
                    others.join(", ")
                )
            }
            Self::AlsoFits { file, taken, others, .. } => write!(
                f,
                "{} fits {taken}, which is taken, and as well {}, which pads and scales otherwise",
                file.display(),
                others.join(", ")
            ),
            Self::ClassesBeside { file } => {
                write!(f, "the classes are called as in {}, beside the model", file.display())
            }
        }
    }
}

impl Serialize for Assumption {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
