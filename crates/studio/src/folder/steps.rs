//! Steps: changes to the project's folder, each of which can be undone.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::moves::move_to_free;
use super::{RECEIVED, TRASH};
use crate::StudioError;

/// A change to the project's folder. Paths are relative to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Step {
    /// Moves a file or a folder to a path that must not exist yet.
    Move { from: String, to: String },
    /// Creates a folder.
    Make { folder: String },
    /// Removes an empty folder.
    Remove { folder: String },
    /// Sets a finding aside.
    Keep { finding: String },
    /// Shows a finding again that was set aside.
    Tell { finding: String },
}

/// The result of carrying out steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The steps that were carried out, in order.
    pub(crate) done: Vec<Step>,
    /// The number of moves that were skipped, because their files no longer exist.
    pub(crate) gone: usize,
}

impl Step {
    /// The step that undoes it.
    pub(crate) fn inverse(&self) -> Self {
        match self.clone() {
            Self::Move { from, to } => Self::Move { from: to, to: from },
            Self::Make { folder } => Self::Remove { folder },
            Self::Remove { folder } => Self::Make { folder },
            Self::Keep { finding } => Self::Tell { finding },
            Self::Tell { finding } => Self::Keep { finding },
        }
    }

    /// The paths that it affects.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let (one, other) = match self {
            Self::Move { from, to } => (Some(from), Some(to)),
            Self::Make { folder } | Self::Remove { folder } => (Some(folder), None),
            Self::Keep { .. } | Self::Tell { .. } => (None, None),
        };
        one.into_iter().chain(other).map(String::as_str)
    }

    /// Whether the step is in effect, judging by the files.
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
                // The trash has a folder for each deed; and folders of classes may have been removed together with
                // their pictures.
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

    /// Whether the step failed because its object no longer exists, or because a folder to remove is no longer empty.
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
            // Undoing an upload moves files back to where they were received; undoing a deletion moves them out of the
            // trash.
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

/// The folder in the trash that a path belongs to. It has what was received or deleted together.
pub(super) fn in_trash(path: &str) -> Option<&str> {
    path.strip_prefix(TRASH)?.strip_prefix('/')?.split('/').next()
}

/// Carries out all steps, or none. Exceptions are moves of files that no longer exist, and removals of folders into
/// which others have put something: these steps are skipped.
///
/// # Errors
/// [`StudioError::System`] if the system refuses a step; the steps before it are undone.
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

/// Carries out the rest of interrupted steps, as far as possible, and returns those that are in effect. Since nobody
/// has requested them now, a step is skipped if a linked folder would lead it out of the project.
pub(crate) fn finish(root: &Path, steps: Vec<Step>) -> Vec<Step> {
    let is_carried_out = |step: &Step| {
        step.paths().all(|path| lies_within(root, path)) && step.carry_out(root).is_ok()
    };
    let mut done = steps;
    done.retain(|step| step.is_done(root) || is_carried_out(step));
    done
}

/// Whether the closest existing folder above a path is within the project.
fn lies_within(root: &Path, path: &str) -> bool {
    let Ok(root) = root.canonicalize() else { return false };
    let path = root.join(path);
    let folder = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
    folder.is_some_and(|folder| folder.starts_with(&root))
}
