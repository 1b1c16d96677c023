//! The models. Each can be replaced while the server is running.

mod file;
mod loaded;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use headstart::predict::PredictConfig;

use crate::{Failure, ModelSource};
use file::{Stamp, Watched};
pub(crate) use loaded::{Answered, Loaded, Picture, Question};

/// The models, in the order that they were given in.
#[derive(Debug)]
pub(crate) struct Models {
    entries: Vec<Entry>,
}

/// A named model: its current version, and the state of its file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) source: ModelSource,
    current: RwLock<Arc<Loaded>>,
    /// `None` for a bundled base.
    watched: Option<Mutex<Watched>>,
}

/// The result of a change to a model's file.
#[derive(Debug)]
pub(crate) enum Change {
    /// A new version is used from now on.
    Swapped {
        /// The previous version.
        before: Arc<Loaded>,
        /// The new version.
        now: Arc<Loaded>,
    },
    /// The previous version is still used, because the file cannot be. Contains the reason.
    Kept(String),
}

impl Models {
    /// Loads all models.
    ///
    /// # Errors
    /// As [`headstart::Classifier::open`], for the first model that cannot be loaded.
    pub(crate) fn load(
        sources: &[ModelSource],
        config: &PredictConfig,
    ) -> Result<Self, headstart::Error> {
        let entry = |source: &ModelSource| Entry::load(source.clone(), config);
        Ok(Self { entries: sources.iter().map(entry).collect::<Result<_, _>>()? })
    }

    /// All models.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The model with this name, or the first model if no name is given.
    ///
    /// # Errors
    /// 404, with the names of all models.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<&Entry, Failure> {
        let Some(name) = name else { return Ok(&self.entries[0]) };
        self.entries.iter().find(|entry| entry.source.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.iter().map(|entry| &*entry.source.name).collect();
            let asked: String = name.chars().take(100).flat_map(char::escape_debug).collect();
            Failure::not_found(format!("there is no model {asked}; there is {}", names.join(", ")))
        })
    }
}

impl Entry {
    fn load(source: ModelSource, config: &PredictConfig) -> Result<Self, headstart::Error> {
        // Taken before the file is read, so that a write after this point is seen as a change.
        let stamp = Stamp::of(&source.model);
        let hash = file::hash(&source.model);
        let loaded = Loaded::open(&source, 1, hash, config)?;
        let watched = stamp.map(|stamp| Mutex::new(Watched::new(stamp)));
        Ok(Self { source, current: RwLock::new(Arc::new(loaded)), watched })
    }

    /// The version that is currently used.
    pub(crate) fn current(&self) -> Arc<Loaded> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong with the current file, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        self.watched().and_then(|watched| watched.problem.clone())
    }

    /// Checks whether the file has changed. If so, loads the new version while the current one remains
    /// in use, and then switches to it. Takes as long as loading a model.
    pub(crate) fn refresh(&self, config: &PredictConfig) -> Option<Change> {
        let mut watched = self.watched()?;
        let stamp = watched.is_new(Stamp::of(&self.source.model))?;
        let Some(stamp) = stamp else {
            return Some(watched.keep("the file is gone".to_owned()));
        };
        let before = self.current();
        let hash = file::hash(&self.source.model);
        if hash.is_some() && hash == before.hash {
            watched.take(stamp);
            return None;
        }
        let now = match Loaded::open(&self.source, before.version + 1, hash, config) {
            Ok(loaded) => Arc::new(loaded),
            Err(error) => {
                watched.take(stamp);
                return Some(watched.keep(error.to_string()));
            }
        };
        // The file was written to meanwhile, so parts of two models may have been read.
        if Stamp::of(&self.source.model) != Some(stamp) {
            return None;
        }
        watched.take(stamp);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = now.clone();
        Some(Change::Swapped { before, now })
    }

    fn watched(&self) -> Option<MutexGuard<'_, Watched>> {
        let watched = self.watched.as_ref()?;
        Some(watched.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
