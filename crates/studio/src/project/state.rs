//! What is in the project's folder, what was done to it, and whether it can be changed.

use std::path::Path;
use std::sync::Arc;

use super::actions::{Action, Plan, Planner};
use super::writing::{Writing, make_folders, open_journal, refused};
use crate::StudioError;
use crate::folder::deed::{Deed, History, What};
use crate::folder::journal::Journal;
use crate::folder::{Carried, Listing, carry_out};

#[derive(Debug)]
pub(super) struct State {
    pub(super) listing: Arc<Listing>,
    /// Counts the changes since the start.
    pub(super) revision: u64,
    pub(super) history: History,
    pub(super) writing: Writing,
    /// The error of the last listing, if the folder could not be listed.
    pub(super) lost: Option<String>,
}

impl State {
    pub(super) fn why_not(&self) -> Option<String> {
        let unable = match &self.writing {
            Writing::Unable(why) => Some(why),
            Writing::Able { .. } => None,
        };
        self.lost.as_ref().or(unable).cloned()
    }

    /// The journal, for a change to the folder as it is now.
    pub(super) fn writable(&mut self, root: &Path) -> Result<&mut Journal, StudioError> {
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

    pub(super) fn act(&mut self, root: &Path, action: &Action) -> Result<String, StudioError> {
        let number = self.writable(root)?.next();
        let Plan { deed, said } = Planner::new(root, &self.listing, number).plan(action)?;
        let gone = self.carry_out(root, What::Do, deed)?;
        Ok(with_gone(said, gone))
    }

    /// Carries out a deed, so that it can be undone. Returns the number of its pictures that no longer exist.
    pub(super) fn carry_out(
        &mut self,
        root: &Path,
        what: What,
        mut deed: Deed,
    ) -> Result<usize, StudioError> {
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
    pub(super) fn look(&mut self, root: &Path) -> bool {
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

pub(super) fn with_gone(said: String, gone: usize) -> String {
    match gone {
        0 => said,
        n => format!("{said} ({n} had already been removed)"),
    }
}
