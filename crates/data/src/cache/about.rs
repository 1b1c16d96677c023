//! A human-readable description of a namespace.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A description of a namespace's features. It is stored in a file beside the segments for `cache info`; nothing
/// depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The name of the base.
    pub base: String,
    /// Height of the base's input, in pixels.
    pub height: usize,
    /// Width of the base's input, in pixels.
    pub width: usize,
    /// How pictures were resized: `bilinear, stretch`; empty in old notes.
    #[serde(default)]
    pub resizing: String,
    /// What computed them: the instruction set, for products in reduced precision theirs.
    pub compute: String,
}

impl About {
    /// The file name of the note.
    pub(super) const FILE: &str = "about.json";

    /// Reads the note of a namespace; `None` if there is none or it is unreadable.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(Self::FILE)).ok()?).ok()
    }

    /// Writes the note unless it exists, ignoring errors.
    pub(super) fn write(&self, folder: &Path) {
        if Self::read(folder).as_ref() != Some(self)
            && let Ok(note) = serde_json::to_vec(self)
        {
            let _ = fs::write(folder.join(Self::FILE), note);
        }
    }
}
