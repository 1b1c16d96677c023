//! Actions on the project: shown, changed, undone.

use std::path::PathBuf;

use super::views::{ClassView, Unreadable};
use super::{Done, PictureView, ProjectView, Shared, Uploaded};
use crate::folder::{Class, Picture};
use crate::learner::{Finding, InboxItem};
use crate::project::{Added, Overview, Staging};
use crate::{Action, StudioError};

impl Shared {
    /// The view of the project for the page.
    pub(crate) fn view(&self) -> ProjectView {
        let Overview { listing, revision, read_only, undo, redo } = self.project.overview();
        let class = |class: &Class| ClassView {
            name: class.name.to_string(),
            pictures: class.pictures.len(),
        };
        let read = listing.all().filter_map(|(_, picture)| {
            let error = self.learner.store().get(&picture.stamp)?.err()?;
            Some((picture.path.to_string(), error.to_string()))
        });
        let unreadable = listing.passed_over.iter().cloned().chain(read);
        ProjectView {
            name: self.project.name(),
            folder: self.project.root().display().to_string(),
            revision,
            version: env!("CARGO_PKG_VERSION"),
            read_only,
            classes: listing.classes.iter().map(class).collect(),
            inbox: listing.inbox.len(),
            unreadable: unreadable.map(|(path, reason)| Unreadable { path, reason }).collect(),
            model: self.live.name(),
            undo,
            redo,
            job: self.jobs.view(),
        }
    }

    /// Informs the learner and all pages that the project has changed.
    pub(crate) fn changed(&self) -> ProjectView {
        let Overview { listing, revision, .. } = self.project.overview();
        self.learner.see(&listing, revision, self.project.kept());
        let view = self.view();
        self.hub.tell("project", &view);
        view
    }

    /// Carries out an action on the project.
    ///
    /// # Errors
    /// Those of [`Project::act`].
    pub(crate) fn act(&self, action: &Action) -> Result<Done, StudioError> {
        self.done(match action {
            Action::Fix { finding, fix } => {
                let findings = self.learner.findings();
                self.project.act_on(|listing| findings.action(listing, finding, fix))
            }
            _ => self.project.act(action),
        })
    }

    /// The findings of the audit, except those that are set aside.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.learner.findings().open(&self.project.listing(), &self.project.kept())
    }

    /// Undoes the last deed.
    ///
    /// # Errors
    /// Those of [`Project::undo`].
    pub(crate) fn undo(&self, expected: Option<&str>) -> Result<Done, StudioError> {
        self.done(self.project.undo(expected))
    }

    /// Redoes the deed that was undone last.
    ///
    /// # Errors
    /// Those of [`Project::redo`].
    pub(crate) fn redo(&self) -> Result<Done, StudioError> {
        self.done(self.project.redo())
    }

    /// Adds received files to the project.
    ///
    /// # Errors
    /// Those of [`Project::add`].
    pub(crate) fn add(
        &self,
        staging: Staging,
        batch: Option<String>,
    ) -> Result<Uploaded, StudioError> {
        let Added { pictures: added, skipped, message } = self.project.add(staging, batch)?;
        Ok(Uploaded { project: self.changed(), added, skipped, message })
    }

    /// Prepares for receiving files.
    ///
    /// # Errors
    /// If nothing can be written, or the name of the class is not valid.
    pub(crate) fn staging(&self, class: Option<&str>) -> Result<Staging, StudioError> {
        match self.project.overview().read_only {
            Some(why) => Err(StudioError::ReadOnly { why }),
            None => Staging::new(self.project.root(), class),
        }
    }

    /// The pictures of a class, or those without a class.
    ///
    /// # Errors
    /// If there is no such class.
    pub(crate) fn pictures(&self, class: Option<&str>) -> Result<Vec<PictureView>, StudioError> {
        let listing = self.project.listing();
        let pictures = match class {
            Some(class) => &listing.class(class)?.pictures,
            None => &listing.inbox,
        };
        let view = |picture: &Picture| PictureView {
            path: picture.path.to_string(),
            tag: picture.stamp.tag(),
            problem: self.problem(picture),
        };
        Ok(pictures.iter().map(view).collect())
    }

    /// Pictures without a class, the most informative first, except those that have been labelled since.
    pub(crate) fn inbox(&self) -> Vec<InboxItem> {
        let listing = self.project.listing();
        let waits =
            |item: &&InboxItem| listing.find(&item.path).is_ok_and(|(_, class)| class.is_none());
        self.learner.inbox().iter().filter(waits).cloned().collect()
    }

    /// Why a picture cannot be read, if this is known.
    fn problem(&self, picture: &Picture) -> Option<String> {
        Some(self.learner.store().get(&picture.stamp)?.err()?.to_string())
    }

    /// The file of a picture of the project.
    ///
    /// # Errors
    /// If there is no such picture; a path outside the listing is never found.
    pub(crate) fn file(&self, path: &str) -> Result<PathBuf, StudioError> {
        let listing = self.project.listing();
        let (picture, _) = listing.find(path)?;
        Ok(self.project.root().join(&*picture.path))
    }

    fn done(&self, said: Result<String, StudioError>) -> Result<Done, StudioError> {
        match said {
            Ok(message) => Ok(Done { project: self.changed(), message }),
            Err(error) => {
                // The reason may be a change that others have made meanwhile.
                self.changed();
                Err(error)
            }
        }
    }
}
