//! Sources of pictures and their labels.
//!
//! [`Dataset`] is for training, usually with a folder per class. [`list_pictures`] accepts any files and folders, for
//! prediction and features. A [`Source`] is a place with pictures for either use; [`manifest`] reads tables that list
//! pictures.
//!
//! An archive or a table of pictures is recognised by its content and listed like a folder; a [`Location`] locates and
//! reads each picture's bytes.
//!
//! Common rules:
//! - Entries are in path order, regardless of the file system's.
//! - Names that start with a dot, and leftovers of operating systems (`@eaDir`, `Thumbs.db`, `__MACOSX`), are silently
//!   ignored.
//! - Symbolic links are followed. A folder is entered once per class, even if several links lead to it, and never one
//!   above its class's own, so that loops end; a file that several names in a class lead to counts once. A file under
//!   two classes stays under both: which label is right is not ours to decide, and the split keeps the two together and
//!   reports them.
//! - Whether a file is a picture is determined by its content: at decoding if its name has a picture's extension,
//!   otherwise at listing, so that a folder of a million pictures need not be opened a million times before work
//!   starts.
//! - What is left out is listed with its reason; an unreadable folder does not stop the listing.

mod archive;
mod cells;
mod class_folders;
mod columns;
mod dataset;
pub mod features;
mod folder;
mod kind;
mod label_cells;
mod labels;
mod layout;
mod leftovers;
mod list;
mod listing;
mod location;
pub mod manifest;
mod metadata;
mod names;
mod note;
mod one_hot;
#[cfg(feature = "parquet")]
mod parquet;
mod pattern;
mod problem;
mod provided;
mod shards;
mod shared_names;
mod skip;
mod source;
#[cfg(feature = "parquet")]
mod table;
mod walk;

use std::fmt;
use std::sync::Arc;

pub use archive::Member;
pub use class_folders::{ClassFolder, ClassFolders};
pub use columns::ColumnNames;
pub use dataset::Dataset;
pub use headstart_model::class_name::{BadClassName, LONGEST_CLASS_NAME, NameProblem, class_name};
pub use labels::{LabelSets, Labels};
pub use leftovers::is_hidden;
pub use list::{is_source, is_table, list_pictures, list_pictures_as, list_source};
pub use listing::{Listed, Listing};
pub use location::Location;
pub use names::BadName;
pub use note::Note;
pub use pattern::{PathPattern, PatternUse};
pub use problem::{ColumnUse, ListingProblem};
pub use provided::Provided;
pub use skip::{RowProblem, SkipReason, Skipped};
pub use source::Source;
#[cfg(feature = "parquet")]
pub use table::Row;

/// A picture of a [`Dataset`].
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its location.
    pub at: Location,
    /// Its label: an index into [`Dataset::classes`] or, if there are any, into [`Dataset::label_sets`].
    /// [`Dataset::classes_of`] handles both.
    pub label: usize,
    /// Its side, if the source itself is split.
    pub subset: Option<Subset>,
    /// The group of pictures of one subject, which must stay on one side of a split.
    pub group: Option<Arc<str>>,
    /// Its weight in training; 1 unless the source specifies another.
    pub weight: f32,
}

impl Item {
    /// Creates a picture with the default weight and no group.
    pub fn new(at: impl Into<Location>, label: usize, subset: Option<Subset>) -> Self {
        Self { at: at.into(), label, subset, group: None, weight: 1.0 }
    }
}

impl AsRef<Location> for Item {
    fn as_ref(&self) -> &Location {
        &self.at
    }
}

/// A side of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subset {
    /// For training.
    Train,
    /// Held back for validation.
    Validation,
    /// Not used in training at all, nor for choosing between models: [`Dataset::tests`].
    Test,
}

impl fmt::Display for Subset {
    /// Formats as in a manifest's column `split`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl Subset {
    /// The side denoted by the name of a folder or the value of a manifest's column `split`: one of `train`,
    /// `training`; `validation`, `valid`, `val`, `dev`, `eval`; `test`, `testing`; in any case, and with `set`, `data`,
    /// `images` or `seg` before or after it, as in `training_set`.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let parts = name.split(['_', '-', ' ', '.']);
        let filler = ["set", "data", "dataset", "images", "imgs", "seg", "split"];
        let mut words = parts.filter(|part| !part.is_empty() && !filler.contains(part));
        let (Some(word), None) = (words.next(), words.next()) else { return None };
        match word {
            "train" | "training" | "trainset" | "trainingset" => Some(Self::Train),
            "validation" | "valid" | "val" | "dev" | "eval" | "valset" | "validationset" => {
                Some(Self::Validation)
            }
            "test" | "testing" | "testset" => Some(Self::Test),
            _ => None,
        }
    }
}
