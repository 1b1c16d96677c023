//! The project's folder: what lies in it, and what may be done to it.

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

/// What the studio keeps, within the project's folder; hidden, so that the command passes it over.
pub(crate) const OWN: &str = ".headstart";
/// Where pictures lie that were deleted or are being added.
pub(crate) const TRASH: &str = ".headstart/trash";
/// What the names of folders in the trash begin with that pictures are received into.
pub(crate) const RECEIVED: &str = "received-";
/// What was done.
pub(crate) const JOURNAL: &str = ".headstart/journal.jsonl";
/// What only one studio can hold.
pub(crate) const LOCK: &str = ".headstart/lock";
