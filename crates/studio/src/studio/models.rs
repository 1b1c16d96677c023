//! Actions on models: listed, chosen, downloaded, compared and trained.

use std::sync::Arc;
use std::time::SystemTime;

use headstart::Context;

use super::{Done, Shared};
use crate::StudioError;
use crate::folder::Listing;
use crate::jobs::{JobRequest, JobView, Tools};
use crate::learner::Learned;
use crate::live::{LIVE, Live};
use crate::models::{
    About, Comparison, ModelView, Models, Said, Taken, ask_live, ask_model, code, compare, take,
};

impl Shared {
    /// All models, the live one first.
    pub(crate) fn models(&self) -> Vec<ModelView> {
        let current = self.live.name();
        let live = self.learner.learned().map(|learned| {
            let bytes = learned.classifier.to_model().to_bytes().len() as u64;
            let about = About::of(&learned.classifier, LIVE, bytes, SystemTime::now());
            let about = About { accuracy: learned.view.accuracy, ..about };
            let name = LIVE.to_owned();
            let code = code(&self.project.name());
            ModelView { current: current == name, name, about, report: false, code }
        });
        let others = self.models.all().into_iter().map(|(name, about)| ModelView {
            current: current == name,
            report: self.models.report(&name).is_file(),
            code: code(&name),
            about: (*about).clone(),
            name,
        });
        live.into_iter().chain(others).collect()
    }

    /// Makes a model answer live from now on.
    ///
    /// # Errors
    /// If there is no such model, or the choice cannot be stored.
    pub(crate) fn choose(&self, name: &str) -> Result<Done, StudioError> {
        if name == LIVE {
            self.models.choose(None)?;
            self.live.choose(None);
        } else {
            let classifier = self.models.load(name)?;
            self.models.choose(Some(name))?;
            self.live.choose(Some((name.to_owned(), &classifier)));
        }
        let message = match name {
            LIVE => "What is learned here answers from now on".to_owned(),
            name => format!("{name} answers from now on"),
        };
        Ok(Done { project: self.changed(), message })
    }

    /// A model's file, and its name for the download.
    ///
    /// # Errors
    /// If there is no such model, or its file cannot be read.
    pub(crate) fn model_file(&self, name: &str) -> Result<Taken, StudioError> {
        let (name, bytes) = match name {
            LIVE => (self.project.name(), self.learned()?.classifier.to_model().to_bytes()),
            name => {
                self.models.check(name)?;
                let read = std::fs::read(self.models.file(name));
                let refused = |cause| StudioError::Unread { name: name.to_owned(), cause };
                (name.to_owned(), read.map_err(refused)?)
            }
        };
        let name = format!("{name}.safetensors");
        Ok(Taken { name, media_type: "application/octet-stream", bytes })
    }

    /// Exports a model to another format.
    ///
    /// # Errors
    /// If there is no such model or format, or the format cannot express the model.
    pub(crate) fn export(&self, name: &str, format: &str) -> Result<Taken, StudioError> {
        match name {
            LIVE => take(&self.learned()?.classifier, &self.project.name(), format),
            name => take(&self.models.load(name)?, name, format),
        }
    }

    /// Compares two models on pictures that neither was trained on.
    ///
    /// # Errors
    /// If there is no such model, or there are no such pictures.
    pub(crate) fn compare(&self, a: &str, b: &str) -> Result<Comparison, StudioError> {
        let listing = self.project.listing();
        let labelled = listing.all().filter_map(|(class, picture)| {
            let class = &listing.classes[class?];
            Some((picture.path.to_string(), class.name.to_string()))
        });
        compare(&self.ask(a, &listing)?, &self.ask(b, &listing)?, &labelled.collect())
    }

    fn ask(&self, name: &str, listing: &Listing) -> Result<Said, StudioError> {
        let Tools { root, extract, pool, .. } = &self.tools;
        if name == LIVE {
            return ask_live(root, &*self.learned()?);
        }
        let classifier = self.models.load(name)?;
        let same = *classifier.base().network().preprocessing() == self.preprocessing;
        let known = (&**root, listing, self.learner.store());
        let mut context = Context::default().with_pool(pool.clone());
        ask_model(name, &classifier, known, same, extract, &mut context)
    }

    /// Starts a job, and returns its id.
    ///
    /// # Errors
    /// If another job is running, the request is invalid, or nothing can be written.
    pub(crate) fn start_job(self: &Arc<Self>, request: JobRequest) -> Result<String, StudioError> {
        if let Some(why) = self.project.overview().read_only {
            return Err(StudioError::ReadOnly { why });
        }
        let shared = Arc::downgrade(self);
        let when_done = move || {
            if let Some(shared) = shared.upgrade() {
                shared.changed();
            }
        };
        let id = self.jobs.start(request, self.tools.clone(), when_done)?;
        self.changed();
        Ok(id)
    }

    /// Asks a job to stop.
    ///
    /// # Errors
    /// If no job with this id is running.
    pub(crate) fn stop_job(&self, id: &str) -> Result<JobView, StudioError> {
        let view = self.jobs.stop(id)?;
        self.hub.tell("job", &view);
        Ok(view)
    }

    fn learned(&self) -> Result<Arc<Learned>, StudioError> {
        self.learner.learned().ok_or(StudioError::NothingLearned)
    }
}
/// Makes the model that was chosen last time answer again, if it can still be loaded.
pub(super) fn choose_again(models: &Models, live: &Live) {
    let Some(name) = models.chosen() else { return };
    match models.load(&name) {
        Ok(classifier) => live.choose(Some((name, &classifier))),
        Err(error) => tracing::warn!(%error, "what is learned here answers"),
    }
}
