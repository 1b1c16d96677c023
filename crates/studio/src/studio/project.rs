//! What is done with the project: shown, changed, undone.

use std::path::PathBuf;

use super::views::{ClassView, Unreadable};
use super::{Done, PictureView, ProjectView, Shared, Uploaded};
use crate::folder::{Class, Picture};
use crate::learner::{Finding, InboxItem};
use crate::project::{Added, Overview, Staging};
use crate::{Action, StudioError};

impl Shared {
    /// The project, as the page has it.
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

    /// Tells all who are to know that the project has changed.
    pub(crate) fn changed(&self) -> ProjectView {
        let Overview { listing, revision, .. } = self.project.overview();
        self.learner.see(&listing, revision, self.project.kept());
        let view = self.view();
        self.hub.tell("project", &view);
        view
    }

    /// Does something to the project.
    ///
    /// # Errors
    /// As [`Project::act`].
    pub(crate) fn act(&self, action: &Action) -> Result<Done, StudioError> {
        self.done(match action {
            Action::Fix { finding, fix } => {
                let findings = self.learner.findings();
                self.project.act_on(|listing| findings.action(listing, finding, fix))
            }
            _ => self.project.act(action),
        })
    }

    /// What the audit finds, but for what is set aside.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        self.learner.findings().open(&self.project.listing(), &self.project.kept())
    }

    /// Takes the last thing back.
    ///
    /// # Errors
    /// As [`Project::undo`].
    pub(crate) fn undo(&self, expected: Option<&str>) -> Result<Done, StudioError> {
        self.done(self.project.undo(expected))
    }

    /// Does again what was undone last.
    ///
    /// # Errors
    /// As [`Project::redo`].
    pub(crate) fn redo(&self) -> Result<Done, StudioError> {
        self.done(self.project.redo())
    }

    /// Puts files that were received into their places.
    ///
    /// # Errors
    /// As [`Project::add`].
    pub(crate) fn add(
        &self,
        staging: Staging,
        batch: Option<String>,
    ) -> Result<Uploaded, StudioError> {
        let Added { pictures: added, skipped, message } = self.project.add(staging, batch)?;
        Ok(Uploaded { project: self.changed(), added, skipped, message })
    }

    /// Where files are received.
    ///
    /// # Errors
    /// When nothing can be written, or the class is none.
    pub(crate) fn staging(&self, class: Option<&str>) -> Result<Staging, StudioError> {
        match self.project.overview().read_only {
            Some(why) => Err(StudioError::ReadOnly { why }),
            None => Staging::new(self.project.root(), class),
        }
    }

    /// The pictures of a class, or those of none.
    ///
    /// # Errors
    /// When there is no such class.
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

    /// Pictures without a class, those first that would teach the most; of what was labelled since, nothing.
    pub(crate) fn inbox(&self) -> Vec<InboxItem> {
        let listing = self.project.listing();
        let waits =
            |item: &&InboxItem| listing.find(&item.path).is_ok_and(|(_, class)| class.is_none());
        self.learner.inbox().iter().filter(waits).cloned().collect()
    }

    /// Why a picture cannot be read, if that is known.
    fn problem(&self, picture: &Picture) -> Option<String> {
        Some(self.learner.store().get(&picture.stamp)?.err()?.to_string())
    }

    /// The file of a picture of the project.
    ///
    /// # Errors
    /// When there is no such picture: no path leads anywhere else.
    pub(crate) fn file(&self, path: &str) -> Result<PathBuf, StudioError> {
        let listing = self.project.listing();
        let (picture, _) = listing.find(path)?;
        Ok(self.project.root().join(&*picture.path))
    }

    fn done(&self, said: Result<String, StudioError>) -> Result<Done, StudioError> {
        match said {
            Ok(message) => Ok(Done { project: self.changed(), message }),
            Err(error) => {
                // What others have done meanwhile may be why.
                self.changed();
                Err(error)
            }
        }
    }
}
