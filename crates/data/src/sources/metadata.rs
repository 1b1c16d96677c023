//! Folders in which a table labels the pictures, as in Hugging Face's `ImageFolder`.

use std::path::{Path, PathBuf};

use super::walk::entries;

/// Names of such tables.
const NAMES: [&str; 2] = ["metadata.csv", "metadata.jsonl"];

/// The table in a folder that describes its pictures.
pub(super) enum Metadata {
    /// It labels them.
    Labels(PathBuf),
    /// It is beside class folders, which label them instead.
    Beside(PathBuf),
}

impl Metadata {
    pub(super) fn of(root: &Path) -> Option<Self> {
        let table = NAMES.iter().map(|name| root.join(name)).find(|path| path.is_file())?;
        // Pictures may be in a single subfolder; several folders are classes.
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

    /// A note on the source of the labels, for people.
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
