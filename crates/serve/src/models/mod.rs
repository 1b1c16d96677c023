//! The models that answer, each of which may be replaced while it does.

mod file;
mod loaded;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use headstart::predict::PredictConfig;

use crate::{Failure, ModelSource};
use file::{Stamp, Watched};
pub(crate) use loaded::{Answered, Loaded, Picture, Question};

/// The models by name, in the order that they were given in.
#[derive(Debug)]
pub(crate) struct Models {
    entries: Vec<Entry>,
}

/// A model under a name: the version that answers now, and what is known of its file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) source: ModelSource,
    current: RwLock<Arc<Loaded>>,
    /// Nothing of a bundled base.
    watched: Option<Mutex<Watched>>,
}

/// What became of a model whose file has changed.
#[derive(Debug)]
pub(crate) enum Change {
    /// Another version answers from now on.
    Swapped {
        /// The one that did before.
        before: Arc<Loaded>,
        /// The one that does now.
        now: Arc<Loaded>,
    },
    /// The one that answered before goes on, since what lies there now cannot be used.
    Kept(String),
}

impl Models {
    /// Loads all of them.
    ///
    /// # Errors
    /// As [`headstart::Classifier::open`], of the first that cannot be loaded.
    pub(crate) fn load(
        sources: &[ModelSource],
        config: &PredictConfig,
    ) -> Result<Self, headstart::Error> {
        let entry = |source: &ModelSource| Entry::load(source.clone(), config);
        Ok(Self { entries: sources.iter().map(entry).collect::<Result<_, _>>()? })
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The one that is asked for, or the first.
    ///
    /// # Errors
    /// 404, with the names that there are.
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
        // Asked for first: what is written from now on is seen as a change.
        let stamp = Stamp::of(&source.model);
        let hash = file::hash(&source.model);
        let loaded = Loaded::open(&source, 1, hash, config)?;
        let watched = stamp.map(|stamp| Mutex::new(Watched::new(stamp)));
        Ok(Self { source, current: RwLock::new(Arc::new(loaded)), watched })
    }

    /// The version that answers now.
    pub(crate) fn current(&self) -> Arc<Loaded> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong with the file as it lies there now, if something is.
    pub(crate) fn problem(&self) -> Option<String> {
        self.watched().and_then(|watched| watched.problem.clone())
    }

    /// Looks whether the file has changed, and if so loads it beside the version that answers, and lets it
    /// answer. This takes as long as loading a model does.
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
        // Written to meanwhile, so that it may be half of one model and half of another.
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
