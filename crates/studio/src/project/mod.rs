//! The project: a folder with a folder per class, the actions on it, and undo.

mod actions;
mod incoming;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headstart::data::sources::ClassFolders;

use crate::StudioError;
use crate::folder::journal::{Deed, History, Journal, What};
use crate::folder::names::{file_name, free_path};
use crate::folder::{Carried, JOURNAL, LOCK, Listing, Lock, OWN, Step, TRASH, carry_out};
pub use actions::Action;
pub(crate) use actions::pictures;
use actions::{Plan, Planner};
pub(crate) use incoming::{Added, SkippedFile, Staging};

/// A folder with a folder per class. All changes to it are made here, one at a time.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    listing: Arc<Listing>,
    /// Counts the changes since the start.
    revision: u64,
    history: History,
    writing: Writing,
    /// The error of the last listing, if the folder could not be listed.
    lost: Option<String>,
}

/// Whether the project can be changed.
#[derive(Debug)]
enum Writing {
    Able {
        journal: Journal,
        lock: Lock,
    },
    /// The reason why it cannot.
    Unable(String),
}

impl Writing {
    /// Takes a folder with its history. A folder that cannot be written to is opened read-only.
    ///
    /// # Errors
    /// If another studio has the folder open, or its journal cannot be read.
    fn begin(root: &Path) -> Result<(Self, History), StudioError> {
        let taken = make_folders(root).and_then(|()| {
            let lock = Lock::take(root, &root.join(LOCK)).map_err(|error| refused(root, error))?;
            let (journal, history) = open_journal(root)?;
            Ok((journal, lock, history))
        });
        match taken {
            Ok((journal, lock, history)) => {
                incoming::clean(root, &journal);
                Ok((Self::Able { journal, lock }, history))
            }
            Err(StudioError::ReadOnly { why }) => {
                Ok((Self::Unable(why), Journal::history(root, &root.join(JOURNAL))?))
            }
            Err(error) => Err(error),
        }
    }
}

/// Creates the studio's own folders.
///
/// # Errors
/// [`StudioError::ReadOnly`] if they cannot be created; [`StudioError::Journal`] if one of the studio's own paths is a
/// link.
fn make_folders(root: &Path) -> Result<(), StudioError> {
    for own in [OWN, TRASH, LOCK, JOURNAL] {
        let journal = root.join(own);
        // The studio must write only within the project, even if someone else made the folder.
        if journal.is_symlink() {
            let reason = "it is a link, which may lead anywhere".to_owned();
            return Err(StudioError::Journal { journal, reason });
        }
    }
    fs::create_dir_all(root.join(TRASH)).map_err(|cause| read_only(root, &cause))
}

/// # Errors
/// Those of [`Journal::open`]; [`StudioError::ReadOnly`] if the journal cannot be written to.
fn open_journal(root: &Path) -> Result<(Journal, History), StudioError> {
    Journal::open(root, &root.join(JOURNAL)).map_err(|error| refused(root, error))
}

/// Converts an error to [`StudioError::ReadOnly`] if its cause is that nothing can be written.
fn refused(root: &Path, error: StudioError) -> StudioError {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match &error {
        StudioError::Folder { cause, .. }
            if matches!(cause.kind(), PermissionDenied | ReadOnlyFilesystem) =>
        {
            read_only(root, cause)
        }
        _ => error,
    }
}

fn read_only(root: &Path, cause: &io::Error) -> StudioError {
    let reason = headstart::system_reason(cause);
    StudioError::ReadOnly {
        why: format!("nothing can be written to {} ({reason})", root.display()),
    }
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

impl State {
    fn why_not(&self) -> Option<String> {
        let unable = match &self.writing {
            Writing::Unable(why) => Some(why),
            Writing::Able { .. } => None,
        };
        self.lost.as_ref().or(unable).cloned()
    }

    /// The journal, for a change to the folder as it is now.
    fn writable(&mut self, root: &Path) -> Result<&mut Journal, StudioError> {
        if self.lost.is_some() || self.listing.is_outdated() {
            self.look(root);
        }
        if let Some(why) = self.why_not() {
            return Err(StudioError::ReadOnly { why });
        }
        if let Writing::Able { journal, lock } = &mut self.writing
            && !journal.is_in_place()
        {
            // The folder or the journal was replaced. Files that are being received stay.
            let opened = make_folders(root).and_then(|()| {
                lock.renew().map_err(|error| refused(root, error))?;
                open_journal(root)
            });
            match opened {
                Ok(opened) => (*journal, self.history) = opened,
                Err(StudioError::ReadOnly { why }) => {
                    self.writing = Writing::Unable(why);
                    self.history = History::default();
                }
                Err(error) => return Err(error),
            }
            self.revision += 1;
        }
        match &mut self.writing {
            Writing::Able { journal, .. } => Ok(journal),
            Writing::Unable(why) => Err(StudioError::ReadOnly { why: why.clone() }),
        }
    }

    fn act(&mut self, root: &Path, action: &Action) -> Result<String, StudioError> {
        let number = self.writable(root)?.next();
        let Plan { deed, said } = Planner::new(root, &self.listing, number).plan(action)?;
        let gone = self.carry_out(root, What::Do, deed)?;
        Ok(with_gone(said, gone))
    }

    /// Carries out a deed, so that it can be undone. Returns the number of its pictures that no longer exist.
    fn carry_out(&mut self, root: &Path, what: What, mut deed: Deed) -> Result<usize, StudioError> {
        let journal = self.writable(root)?;
        let begun = journal.begin(what, &deed);
        let id = begun.map_err(|cause| StudioError::system("write", "the journal", cause))?;
        let carried = carry_out(root, deed.steps.clone());
        let gone = match carried {
            Ok(Carried { done, gone }) => {
                journal.end(id, (done.len() < deed.steps.len()).then_some(&done));
                deed.steps = done;
                self.history.take(what, deed);
                gone
            }
            Err(error) => {
                journal.failed(id);
                self.look(root);
                return Err(error);
            }
        };
        self.revision += 1;
        self.look(root);
        Ok(gone)
    }

    /// Lists the folder again. Returns whether the project has changed.
    fn look(&mut self, root: &Path) -> bool {
        let (listing, lost) = match Listing::of(root) {
            Ok(listing) => (Some(listing), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let is_other = listing.as_ref().is_some_and(|listing| *listing != *self.listing);
        if let Some(listing) = listing {
            self.listing = Arc::new(listing);
        }
        let changed = is_other || lost != self.lost;
        self.lost = lost;
        self.revision += u64::from(changed);
        changed
    }
}

fn moved_to(step: &Step) -> Option<&str> {
    match step {
        Step::Move { to, .. } => Some(to),
        _ => None,
    }
}

fn with_gone(said: String, gone: usize) -> String {
    match gone {
        0 => said,
        n => format!("{said} ({n} had already been removed)"),
    }
}

/// Creates one of the studio's own folders.
pub(crate) fn make_own(folder: &Path) -> Result<(), StudioError> {
    let refused =
        |cause: io::Error| StudioError::system("make", &folder.display().to_string(), cause);
    fs::create_dir_all(folder).map_err(refused)
}
