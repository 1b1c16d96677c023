//! What should be known, though it stopped nothing.

use std::fmt;
use std::path::PathBuf;

use headstart_data::cache::CacheWarning;
use serde::{Serialize, Serializer};

/// What whoever trains should know, though it stopped nothing; as text, and serialised, a line for
/// people.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// In words that say all.
    Text(String),
    /// What an [`audit`](crate::audit()) of the pictures tells in full.
    Pictures {
        /// What was seen: `2 groups of near-duplicates with different labels`.
        seen: String,
        /// The folder, or the file that lists or holds the pictures.
        root: PathBuf,
    },
    /// Fewer of the pictures held back are classified right than before fine-tuning.
    Worse {
        /// The accuracy before.
        before: f64,
        /// The accuracy now.
        after: f64,
        /// Whether early stopping, which goes by the loss, watched.
        early_stop: bool,
    },
    /// Fine-tuning has changed what the classifier knew of its answers, and no pictures are held back to
    /// learn it from.
    TrustLost,
    /// Features are not kept.
    Cache(CacheWarning),
}

impl From<String> for Warning {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<CacheWarning> for Warning {
    fn from(warning: CacheWarning) -> Self {
        Self::Cache(warning)
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Pictures { seen, .. } => f.write_str(seen),
            Self::TrustLost => f.write_str(
                "the model does not know what its answers are worth: no pictures are held back to learn it from",
            ),
            Self::Worse { before, after, .. } => write!(
                f,
                "fine-tuning made the model worse: accuracy {after:.3} on the pictures held back, \
                 {before:.3} before"
            ),
            Self::Cache(warning) => warning.fmt(f),
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
