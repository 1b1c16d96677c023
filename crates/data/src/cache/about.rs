//! What a namespace is of, for people.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What the features of a namespace are of. A note beside the segments says it, so that
/// `cache info` can; nothing depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Name of the base.
    pub base: String,
    /// Height of the base's input, in pixels.
    pub height: usize,
    /// Width of the base's input, in pixels.
    pub width: usize,
    /// How pictures were made to fit: `bilinear, stretch`; nothing in old notes.
    #[serde(default)]
    pub resizing: String,
    /// What they were computed with: the instruction set, or how bf16 was multiplied.
    pub compute: String,
}

impl About {
    /// The note's name.
    pub(super) const FILE: &str = "about.json";

    /// The note of a namespace; `None` when there is none that can be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(Self::FILE)).ok()?).ok()
    }

    /// Leaves the note, unless it is there. Whether that works does not matter.
    pub(super) fn write(&self, folder: &Path) {
        if Self::read(folder).as_ref() != Some(self)
            && let Ok(note) = serde_json::to_vec(self)
        {
            let _ = fs::write(folder.join(Self::FILE), note);
        }
    }
}
