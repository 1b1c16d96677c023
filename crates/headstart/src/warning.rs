//! Warnings: problems that did not stop the work.

use std::fmt;
use std::path::PathBuf;

use headstart_data::cache::CacheWarning;
use serde::{Serialize, Serializer};

/// A problem that did not stop the work. As text, and serialised, it is a line for people.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// A complete sentence.
    Text(String),
    /// Findings in the pictures that an [`audit`](crate::audit()) reports in detail.
    Pictures {
        /// A summary of the findings, such as `2 groups of near-duplicates with different labels`.
        seen: String,
        /// The folder, or the file that lists or contains the pictures.
        root: PathBuf,
    },
    /// The loss of the head was still falling clearly when its epochs ended.
    StillFalling {
        /// The number of epochs.
        epochs: usize,
    },
    /// Fewer held-back pictures are classified correctly than before fine-tuning.
    Worse {
        /// The accuracy before fine-tuning.
        before: f64,
        /// The accuracy after fine-tuning.
        after: f64,
        /// Whether early stopping, which watches the loss, was used.
        early_stop: bool,
    },
    /// Fine-tuning has invalidated the calibration, and no pictures are held back to calibrate again.
    TrustLost,
    /// Features cannot be cached.
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
            Self::StillFalling { epochs } => {
                write!(f, "the head has not learned all it can: its loss still falls after {epochs} epochs")
            }
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
