//! Folders in which a table labels the pictures, as in Hugging Face's `ImageFolder`.

use std::path::{Path, PathBuf};

use super::walk::entries;

/// What such tables are called.
const NAMES: [&str; 2] = ["metadata.csv", "metadata.jsonl"];

/// The table in a folder that says what its pictures are.
pub(super) enum Metadata {
    /// It labels them.
    Labels(PathBuf),
    /// There are class folders, too, and they do.
    Beside(PathBuf),
}

impl Metadata {
    pub(super) fn of(root: &Path) -> Option<Self> {
        let table = NAMES.iter().map(|name| root.join(name)).find(|path| path.is_file())?;
        // Pictures may lie in a folder of their own; several folders are classes.
        let folders = entries(root).map_or(0, |found| found.folders.len());
        Some(if folders < 2 { Self::Labels(table) } else { Self::Beside(table) })
    }

    /// The table that labels the pictures of a folder.
    pub(super) fn labels(root: &Path) -> Option<PathBuf> {
        match Self::of(root)? {
            Self::Labels(table) => Some(table),
            Self::Beside(_) => None,
        }
    }

    /// What was taken for the labels, for people.
    pub(super) fn note(&self) -> String {
        match self {
            Self::Labels(table) => format!("labels from {}", table.display()),
            Self::Beside(table) => format!(
                "classes are the folders; to take the labels of {0} give that in place of the folder",
                table.display()
            ),
        }
    }
}
