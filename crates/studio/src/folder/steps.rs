//! What is done to the project's folder: steps, each of which can be taken back.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::moves::move_to_free;
use super::{RECEIVED, TRASH};
use crate::StudioError;

/// Something that is done to the project's folder; paths are from there on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Step {
    /// A file or a folder goes to a place where nothing is.
    Move { from: String, to: String },
    /// A folder is made.
    Make { folder: String },
    /// An empty folder is removed.
    Remove { folder: String },
    /// A finding is set aside.
    Keep { finding: String },
    /// A finding that was set aside is told again.
    Tell { finding: String },
}

/// What became of steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Those that were carried out, in order.
    pub(crate) done: Vec<Step>,
    /// How many moves were left out, since what they move is there no more.
    pub(crate) gone: usize,
}

impl Step {
    /// What takes it back.
    pub(crate) fn inverse(&self) -> Self {
        match self.clone() {
            Self::Move { from, to } => Self::Move { from: to, to: from },
            Self::Make { folder } => Self::Remove { folder },
            Self::Remove { folder } => Self::Make { folder },
            Self::Keep { finding } => Self::Tell { finding },
            Self::Tell { finding } => Self::Keep { finding },
        }
    }

    /// The paths that it is about.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Self::Move { from, to } => (Some(from), Some(to)),
            Self::Make { folder } | Self::Remove { folder } => (Some(folder), None),
            Self::Keep { .. } | Self::Tell { .. } => (None, None),
        };
        one.into_iter().chain(other).map(String::as_str)
    }

    /// Whether it is carried out by now, of one that may have been.
    pub(super) fn is_done(&self, root: &Path) -> bool {
        let is_there = |path: &String| root.join(path).symlink_metadata().is_ok();
        match self {
            Self::Move { from, to } => !is_there(from) && is_there(to),
            Self::Make { folder } => root.join(folder).is_dir(),
            Self::Remove { folder } => !is_there(folder),
            Self::Keep { .. } | Self::Tell { .. } => true,
        }
    }

    fn carry_out(&self, root: &Path) -> io::Result<()> {
        match self {
            Self::Move { from, to } => {
                let target = root.join(to);
                // The trash has a folder for each action, and folders of classes may have gone with these.
                if let Some(parent) = target.parent() {
                    fs::create_dir_all(parent)?;
                }
                move_to_free(&root.join(from), &target)
            }
            Self::Make { folder } => fs::create_dir(root.join(folder)),
            Self::Remove { folder } => fs::remove_dir(root.join(folder)),
            Self::Keep { .. } | Self::Tell { .. } => Ok(()),
        }
    }

    /// Whether what it was to be done to is no more, or not any more what it was made for.
    fn is_in_vain(&self, cause: &io::Error) -> bool {
        match self {
            Self::Move { .. } => cause.kind() == io::ErrorKind::NotFound,
            Self::Remove { .. } => {
                matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty)
            }
            _ => false,
        }
    }

    fn refused(&self, cause: io::Error) -> StudioError {
        let (action, path) = match self {
            // What was received goes back where it was when that is undone, and what was deleted comes from the trash.
            Self::Move { from, to } => match (in_trash(from), in_trash(to)) {
                (_, Some(name)) if name.starts_with(RECEIVED) => ("take back", from),
                (_, Some(_)) => ("delete", from),
                (Some(name), _) if name.starts_with(RECEIVED) => ("add", to),
                (Some(_), _) => ("restore", to),
                (None, None) => ("move", from),
            },
            Self::Make { folder } => ("make", folder),
            Self::Remove { folder } => ("remove", folder),
            Self::Keep { finding } | Self::Tell { finding } => ("set aside", finding),
        };
        StudioError::system(action, path, cause)
    }
}

/// What a path is about in the trash: a folder there, for what was received or deleted at once.
pub(super) fn in_trash(path: &str) -> Option<&str> {
    path.strip_prefix(TRASH)?.strip_prefix('/')?.split('/').next()
}

/// Carries steps out, all or none; but for those whose file is gone, and folders that others have put something into:
/// these stay.
///
/// # Errors
/// What the system refuses; what was done before is taken back.
pub(crate) fn carry_out(root: &Path, steps: Vec<Step>) -> Result<Carried, StudioError> {
    let mut carried = Carried::default();
    for step in steps {
        match step.carry_out(root) {
            Ok(()) => carried.done.push(step),
            Err(cause) if step.is_in_vain(&cause) => {
                carried.gone += usize::from(matches!(step, Step::Move { .. }));
            }
            Err(_) if step.is_done(root) => carried.done.push(step),
            Err(cause) => {
                for done in carried.done.iter().rev() {
                    if let Err(error) = done.inverse().carry_out(root) {
                        tracing::error!(%error, ?done, "what was done cannot be taken back");
                    }
                }
                return Err(step.refused(cause));
            }
        }
    }
    Ok(carried)
}

/// Carries out what is left of steps that something has interrupted, as far as that is possible: those that were
/// carried out, then or now. Nobody has asked for them now, so none is that a linked folder would lead elsewhere.
pub(crate) fn finish(root: &Path, steps: Vec<Step>) -> Vec<Step> {
    let is_carried_out = |step: &Step| {
        step.paths().all(|path| lies_within(root, path)) && step.carry_out(root).is_ok()
    };
    let mut done = steps;
    done.retain(|step| step.is_done(root) || is_carried_out(step));
    done
}

/// Whether the folder that a path is in, as far as it is there, lies within the project's.
fn lies_within(root: &Path, path: &str) -> bool {
    let Ok(root) = root.canonicalize() else { return false };
    let path = root.join(path);
    let folder = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
    folder.is_some_and(|folder| folder.starts_with(&root))
}
