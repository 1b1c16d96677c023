//! The project's folder: its contents, and the changes to it.

pub(crate) mod deed;
pub(crate) mod journal;
mod listing;
mod lock;
mod moves;
pub(crate) mod names;
mod replay;
mod stamp;
mod steps;

pub(crate) use listing::{Class, Listing, Picture, within};
pub(crate) use lock::Lock;
pub(crate) use stamp::Stamp;
pub(crate) use steps::{Carried, Step, carry_out};

/// The folder with the studio's own files; hidden, so that the command skips it.
pub(crate) const OWN: &str = ".headstart";
/// The folder for pictures that were deleted or are being added.
pub(crate) const TRASH: &str = ".headstart/trash";
/// The prefix of folders in the trash that pictures are received into.
pub(crate) const RECEIVED: &str = "received-";
/// The file with the journal.
pub(crate) const JOURNAL: &str = ".headstart/journal.jsonl";
/// The lock file, which only one studio can hold.
pub(crate) const LOCK: &str = ".headstart/lock";
