//! Where pictures come from, and what they are labelled.
//!
//! [`Dataset`] is what is trained on, mostly a folder per class. [`list_pictures`] takes any
//! files and folders, for prediction and features. A [`Source`] is a place with pictures of either
//! use; [`manifest`] are tables that list pictures.
//!
//! An archive or a table of pictures is told by its content and listed like a folder; a
//! [`Location`] says where each picture's bytes are, and reads them.
//!
//! What both have in common:
//! - Entries come in the order of their paths, whatever the file system's.
//! - Names that begin with a dot, and what systems leave behind (`@eaDir`, `Thumbs.db`, `__MACOSX`), are
//!   passed over in silence.
//! - Symbolic links are followed. A folder is entered once per class, whatever ways lead
//!   to it, and never one above its class's own, so that loops end; a file that several names of a class lead to counts once.
//!   One file under two classes stays under both: which label is right is not ours to
//!   say, and the split keeps the two together and reports them.
//! - Whether a file is a picture is told by its content. A file whose name ends like a
//!   picture's is looked at when it is decoded, any other one here, so that a folder of a
//!   million pictures need not be opened a million times before work begins.
//! - What is left out is listed with its reason; an unreadable folder stops nothing.

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
    /// Where it is.
    pub at: Location,
    /// Its label: an index into [`Dataset::classes`]; where there are [`Dataset::label_sets`], into these.
    /// [`Dataset::classes_of`] knows both.
    pub label: usize,
    /// The side it is given to, where the source itself is split.
    pub subset: Option<Subset>,
    /// What it must stay together with on one side of a split: the pictures of one subject.
    pub group: Option<Arc<str>>,
    /// How much it counts in training; 1 unless the source says otherwise.
    pub weight: f32,
}

impl Item {
    /// A picture of a class that counts like any other.
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
    /// To learn from.
    Train,
    /// Held back, to measure on.
    Validation,
    /// Kept from training altogether, choices included: [`Dataset::tests`].
    Test,
}

impl fmt::Display for Subset {
    /// As a manifest's column `split` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

impl Subset {
    /// The side that a folder of this name is, or a manifest's column `split` means by it: one of
    /// `train`, `training`; `validation`, `valid`, `val`, `dev`, `eval`; `test`, `testing`; in any case of
    /// letters, and with `set`, `data`, `images` or `seg` before or behind it, as in `training_set`.
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
