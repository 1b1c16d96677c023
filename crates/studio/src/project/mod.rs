//! The project: a folder with a folder per class, the actions on it, and undo.

mod actions;
mod incoming;
mod state;
mod writing;

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headstart::data::sources::ClassFolders;

use crate::StudioError;
use crate::folder::deed::{Deed, What};
use crate::folder::names::{file_name, free_path};
use crate::folder::{Listing, OWN, Step};
pub use actions::Action;
pub(crate) use incoming::{Added, SkippedFile, Staging};
use state::{State, with_gone};
use writing::Writing;

/// A folder with a folder per class. All changes to it are made here, one at a time.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    state: Mutex<State>,
}

/// A snapshot of the project.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    pub(crate) listing: Arc<Listing>,
    pub(crate) revision: u64,
    pub(crate) read_only: Option<String>,
    /// The title of the deed that undo would undo, and of the one that redo would redo.
    pub(crate) undo: Option<String>,
    pub(crate) redo: Option<String>,
}

impl Project {
    /// Opens a folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be created or listed, its folders are not classes, another studio has it open, or its journal
    /// cannot be read.
    pub(crate) fn open(folder: &Path) -> Result<Self, StudioError> {
        let refused = |cause| StudioError::Folder { folder: folder.to_owned(), cause };
        if !folder.exists() {
            fs::create_dir_all(folder).map_err(refused)?;
        }
        let root = fs::canonicalize(folder).map_err(refused)?;
        if let Some(note) = ClassFolders::why_none(&root)? {
            return Err(StudioError::NotPlain { folder: folder.to_owned(), note });
        }
        let (writing, history) = Writing::begin(&root)?;
        let listing = Arc::new(Listing::of(&root)?);
        let state = State { listing, revision: 1, history, writing, lost: None };
        Ok(Self { root, state: Mutex::new(state) })
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The name of the project, which is that of its folder.
    pub(crate) fn name(&self) -> String {
        let name = self.root.file_name().unwrap_or(self.root.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// The path of one of the studio's own files or folders.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.root.join(OWN).join(name)
    }

    /// Publishes the address of this studio, for anyone who opens another one on this folder.
    pub(crate) fn say(&self, address: SocketAddr) {
        if let Writing::Able { lock, .. } = &mut self.state().writing {
            lock.say(address);
        }
    }

    /// A snapshot of the project.
    pub(crate) fn overview(&self) -> Overview {
        let state = self.state();
        Overview {
            listing: state.listing.clone(),
            revision: state.revision,
            read_only: state.why_not(),
            undo: Deed::title_of(&state.history.done),
            redo: Deed::title_of(&state.history.undone),
        }
    }

    /// The latest listing of the folder.
    pub(crate) fn listing(&self) -> Arc<Listing> {
        self.state().listing.clone()
    }

    /// The findings that are set aside.
    pub(crate) fn kept(&self) -> HashSet<String> {
        let state = self.state();
        let steps = state.history.done.iter().flat_map(|deed| &deed.steps);
        let kept = steps.filter_map(|step| match step {
            Step::Keep { finding } => Some(finding.clone()),
            _ => None,
        });
        kept.collect()
    }

    /// Checks whether others have changed the folder: whether files were added or removed, or, if `closely`, also
    /// whether files were overwritten. Returns whether the project has changed.
    pub(crate) fn look(&self, closely: bool) -> bool {
        let mut state = self.state();
        if closely || state.lost.is_some() || state.listing.is_outdated() {
            return state.look(&self.root);
        }
        false
    }

    /// Carries out an action, which can be undone, and returns a message.
    ///
    /// # Errors
    /// If the action is invalid, its objects no longer exist, or the system refuses. Nothing is changed then.
    pub(crate) fn act(&self, action: &Action) -> Result<String, StudioError> {
        self.state().act(&self.root, action)
    }

    /// Carries out an action that depends on the current pictures; also checks for files that were overwritten.
    ///
    /// # Errors
    /// Those of [`Project::act`], and those of `action`.
    pub(crate) fn act_on(
        &self,
        action: impl FnOnce(&Listing) -> Result<Action, StudioError>,
    ) -> Result<String, StudioError> {
        let mut state = self.state();
        state.look(&self.root);
        let action = action(&state.listing)?;
        state.act(&self.root, &action)
    }

    /// Puts received pictures into classes.
    ///
    /// # Errors
    /// Those of [`Project::act`].
    pub(crate) fn add(
        &self,
        staging: Staging,
        batch: Option<String>,
    ) -> Result<Added, StudioError> {
        staging.sync()?;
        let mut state = self.state();
        state.writable(&self.root)?;
        let (deed, mut added) = staging.deed(&self.root, &state.listing, batch)?;
        if !deed.steps.is_empty() {
            let gone = state.carry_out(&self.root, What::Do, deed)?;
            staging.keep();
            added.pictures -= gone.min(added.pictures);
        }
        Ok(added)
    }

    /// Undoes the last deed, and the deeds that belong to it.
    ///
    /// # Errors
    /// If there is none, its title is not `expected`, or the system refuses.
    pub(crate) fn undo(&self, expected: Option<&str>) -> Result<String, StudioError> {
        self.turn(What::Undo, expected, ("undo", "Undone"))
    }

    /// Redoes the deed that was undone last, and the deeds that belong to it.
    ///
    /// # Errors
    /// Those of [`Project::undo`].
    pub(crate) fn redo(&self) -> Result<String, StudioError> {
        self.turn(What::Redo, None, ("do again", "Done again"))
    }

    fn turn(
        &self,
        what: What,
        expected: Option<&str>,
        (asked, said): (&'static str, &str),
    ) -> Result<String, StudioError> {
        let mut state = self.state();
        state.writable(&self.root)?;
        let mut all_gone = 0;
        let all = match what {
            What::Redo => state.history.undone.clone(),
            _ => state.history.done.clone(),
        };
        let title = Deed::title_of(&all).ok_or(StudioError::NothingTo { what: asked })?;
        if expected.is_some_and(|expected| expected != title) {
            return Err(StudioError::NotTheLast { title });
        }
        let last = all.last().expect("it has a title");
        for deed in all.iter().rev().take_while(|deed| last.belongs_to(deed)) {
            let inverse = Deed { steps: self.inverse(&deed.steps), ..deed.clone() };
            all_gone += state.carry_out(&self.root, what, inverse)?;
        }
        Ok(with_gone(format!("{said}: {title}"), all_gone))
    }

    /// The steps that undo `steps`. If something else is at a picture's old path, the picture gets a new name beside
    /// it.
    fn inverse(&self, steps: &[Step]) -> Vec<Step> {
        let mut taken = HashSet::new();
        let vacated: HashSet<&str> = steps.iter().filter_map(moved_to).collect();
        let inverse = |step: &Step| match step.inverse() {
            Step::Move { from, to } if !vacated.contains(&*to) => {
                let folder = to.rfind('/').map_or("", |slash| &to[..slash]);
                let to = free_path(&self.root, folder, file_name(&to), &mut taken);
                Step::Move { from, to }
            }
            step => step,
        };
        steps.iter().rev().map(inverse).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn moved_to(step: &Step) -> Option<&str> {
    match step {
        Step::Move { to, .. } => Some(to),
        _ => None,
    }
}
