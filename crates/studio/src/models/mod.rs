//! The models that jobs have trained, in addition to the live head: files in the project's own folder, each with its
//! report.

mod ask;
mod compare;
mod date;
mod take;

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use headstart::Classifier;
use headstart::files::AtomicFile;
use serde::{Deserialize, Serialize};

use crate::StudioError;
use crate::folder::Stamp;
use crate::folder::names::new_class_name;
use crate::live::LIVE;
pub(crate) use ask::{ask_live, ask_model};
pub(crate) use compare::{Comparison, Said, compare};
pub(crate) use date::iso;
pub(crate) use take::{Code, Export, Taken, code, exports, take};

/// The extension of model files.
const ENDING: &str = "safetensors";

/// The models of a project.
#[derive(Debug)]
pub(crate) struct Models {
    folder: PathBuf,
    settings: PathBuf,
    /// What is known of model files, as long as they do not change.
    known: Mutex<HashMap<String, (Stamp, Arc<About>)>>,
}

/// A model, as sent to the page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelView {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) about: About,
    /// Whether it answers live.
    pub(crate) current: bool,
    pub(crate) report: bool,
    pub(crate) code: Code,
}

/// The properties of a model that its file contains.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    pub(crate) base: String,
    pub(crate) kind: &'static str,
    pub(crate) accuracy: Option<f64>,
    pub(crate) classes: usize,
    pub(crate) pictures: usize,
    pub(crate) bytes: u64,
    pub(crate) made: String,
}

impl About {
    /// The properties of a classifier, given the size and the time of its file.
    pub(crate) fn of(
        classifier: &Classifier,
        kind: &'static str,
        bytes: u64,
        at: SystemTime,
    ) -> Self {
        let record = classifier.training();
        let metrics = record.and_then(|record| record.metrics.as_ref());
        Self {
            base: classifier.base().name(),
            kind,
            accuracy: metrics.map(|metrics| metrics.accuracy),
            classes: classifier.classes().len(),
            pictures: record.map_or(0, |record| record.train + record.validation.len()),
            bytes,
            made: iso(at),
        }
    }
}

/// The settings of the project.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    /// The model that answers live.
    model: Option<String>,
}

impl Models {
    /// The models in a folder. `settings` is the file that stores which of them answers.
    pub(crate) fn new(folder: PathBuf, settings: PathBuf) -> Self {
        Self { folder, settings, known: Mutex::default() }
    }

    /// The path of a model's file, which need not exist.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ENDING}"))
    }

    /// The path of a model's report, which need not exist.
    pub(crate) fn report(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.html"))
    }

    /// Checks that there is a model of this name, so that names cannot lead to other files.
    ///
    /// # Errors
    /// If there is no such model.
    pub(crate) fn check(&self, name: &str) -> Result<(), StudioError> {
        match self.names().iter().any(|known| known == name) {
            true => Ok(()),
            false => Err(StudioError::NoSuch { what: "model", name: name.to_owned() }),
        }
    }

    /// Loads a model.
    ///
    /// # Errors
    /// If there is no such model, or its file cannot be read.
    pub(crate) fn load(&self, name: &str) -> Result<Classifier, StudioError> {
        self.check(name)?;
        Ok(Classifier::load(self.file(name))?)
    }

    /// All models by name, with their properties. Files that cannot be read are left out.
    pub(crate) fn all(&self) -> Vec<(String, Arc<About>)> {
        let about = |name: String| {
            let about = self.about(&name)?;
            Some((name, about))
        };
        self.names().into_iter().filter_map(about).collect()
    }

    fn about(&self, name: &str) -> Option<Arc<About>> {
        let file = self.file(name);
        let metadata = fs::metadata(&file).ok()?;
        let stamp = Stamp::of(&metadata);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some((_, about)) = known.filter(|(known, _)| *known == stamp) {
            return Some(about);
        }
        let classifier = match Classifier::load(&file) {
            Ok(classifier) => classifier,
            Err(error) => {
                tracing::warn!(%error, "a model is left out");
                return None;
            }
        };
        let is_tuned = classifier.training().is_some_and(|record| record.fine_tune.is_some());
        let kind = if is_tuned { "fine_tune" } else { "train" };
        let made = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let about = Arc::new(About::of(&classifier, kind, metadata.len(), made));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), (stamp, about.clone()));
        Some(about)
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let name = |path: PathBuf| {
            let is_model = path.extension().is_some_and(|ending| ending == ENDING);
            let name = path.file_stem()?.to_str()?.to_owned();
            (is_model && !name.starts_with('.')).then_some(name)
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| name(entry.path())).collect();
        names.sort_unstable();
        names
    }

    /// A name that no model has: the requested one, or the same with a number after it.
    ///
    /// # Errors
    /// [`StudioError::ModelName`] if the name is not valid for a file.
    pub(crate) fn free_name(
        &self,
        wanted: Option<&str>,
        otherwise: &str,
    ) -> Result<String, StudioError> {
        let wanted = wanted.map(str::trim).filter(|name| !name.is_empty()).unwrap_or(otherwise);
        let wanted = new_class_name(wanted).map_err(|error| match error {
            StudioError::ClassName { name, problem } => StudioError::ModelName { name, problem },
            error => error,
        })?;
        let names = self.names();
        let is_free = |name: &String| name != LIVE && !names.contains(name);
        let numbered = (2..).map(|number| format!("{wanted} {number}"));
        let mut all = std::iter::once(wanted.clone()).chain(numbered);
        Ok(all.find(is_free).expect("some number is free"))
    }

    /// The model that answers live, if one was chosen and still exists.
    pub(crate) fn chosen(&self) -> Option<String> {
        let settings: Settings = serde_json::from_slice(&fs::read(&self.settings).ok()?).ok()?;
        settings.model.filter(|name| self.check(name).is_ok())
    }

    /// Stores which model answers live.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn choose(&self, name: Option<&str>) -> Result<(), StudioError> {
        let settings = Settings { model: name.map(str::to_owned) };
        let text = serde_json::to_vec_pretty(&settings).expect("plain data serialises");
        write(&self.settings, &text)
    }
}

/// Writes one of the studio's own files atomically.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), StudioError> {
    let written = AtomicFile::create(path).and_then(|mut file| {
        file.write_all(content).map_err(|cause| file.error(cause))?;
        file.commit()
    });
    written.map_err(|error| headstart::Error::from(error).into())
}
