//! Folders of classes in their current state, for programs that watch them.

use std::path::{Path, PathBuf};

use super::folder::{Classes, Layout};
use super::metadata::Metadata;
use super::walk::Walker;
use super::{Skipped, layout};
use crate::DataError;

/// The contents of a folder of class folders, by the rules of [`Dataset::open`](super::Dataset::open), which, unlike
/// this, rejects folders without enough data for training.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassFolders {
    /// The classes by name, including those without pictures.
    pub classes: Vec<ClassFolder>,
    /// Pictures beside the class folders, in no class.
    pub loose: Vec<PathBuf>,
    /// Files left out, with reasons.
    pub skipped: Vec<Skipped>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassFolder {
    /// Its name.
    pub name: String,
    /// Its folder, or several whose names [are equivalent](super::class_name).
    pub folders: Vec<PathBuf>,
    /// Its pictures by path; not decoded.
    pub pictures: Vec<PathBuf>,
}

impl ClassFolders {
    /// Lists a folder.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(root: impl AsRef<Path>) -> Result<Self, DataError> {
        let Classes { folders, mut loose, mut skipped } = Classes::of(root.as_ref())?;
        let mut classes = Vec::with_capacity(folders.len());
        for (name, folders) in folders {
            let mut walker = Walker::default();
            folders.iter().for_each(|folder| walker.enter(folder));
            let (pictures, passed_over) = walker.finish();
            skipped.extend(passed_over);
            classes.push(ClassFolder { name, folders, pictures });
        }
        loose.sort_unstable();
        Ok(Self { classes, loose, skipped })
    }

    /// The reason why the folders in a folder are not classes, if so, as half a line for people.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn why_none(root: impl AsRef<Path>) -> Result<Option<String>, DataError> {
        let root = root.as_ref();
        if Metadata::labels(root).is_some() {
            return Ok(Some("a table in it says what its pictures are".to_owned()));
        }
        Ok(match Layout::of(root)? {
            Layout::Split { note, .. } => Some(note),
            Layout::Classes { tops, .. } => layout::either_may_be_classes(&tops).map(|_| {
                "its folders have the same folders in them, which may be the classes".to_owned()
            }),
        })
    }
}
