//! Models.

use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use headstart::predict::Task;
use headstart::{AnswerConfig, Classifier, ErrorKind, ExtractConfig, Extractor, Prediction};
use numpy::{PyArray1, PyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::{exception, of_kind};
use crate::extractor::{Unread, rows, unreadable};
use crate::options::Options;
use crate::pictures::locations;
use crate::work::Work;

/// A base with a head, and the names of the classes.
#[pyclass(frozen, module = "headstart._headstart")]
pub(crate) struct Model {
    pub(crate) classifier: Classifier,
    compiled: Mutex<Option<Compiled>>,
}

/// A base compiled for given options in this process. It is not shared with a fork, which must not write to its
/// parent's cache.
struct Compiled {
    config: ExtractConfig,
    process: u32,
    extractor: Arc<Extractor>,
}

/// Predictions for pictures. Rows of pictures that cannot be read are empty.
#[pyclass(frozen, get_all, module = "headstart._headstart")]
pub(crate) struct Predicted {
    /// Probabilities, f32 `[n, classes]`; NaN for pictures that cannot be read.
    scores: Py<PyArray2<f32>>,
    /// The likeliest label of each picture, even if it is unknown; -1 if there is none.
    labels: Py<PyArray1<i64>>,
    /// For a multi-label model, all labels of each picture, the likeliest first.
    label_sets: Option<Vec<Vec<usize>>>,
    /// Whether each picture belongs to none of the classes, if the model can detect this.
    unknown: Option<Py<PyArray1<bool>>>,
    /// The distance of each picture from those that the model knows, f32.
    unknown_scores: Option<Py<PyArray1<f32>>>,
    /// The prediction sets with the requested coverage.
    sets: Option<Vec<Vec<usize>>>,
    /// Pictures that cannot be read, with the reasons.
    unread: Unread,
}

impl From<Classifier> for Model {
    fn from(classifier: Classifier) -> Self {
        Self { classifier, compiled: Mutex::default() }
    }
}

#[pymethods]
impl Model {
    /// Opens a model file, or the bundled model with this name.
    #[staticmethod]
    fn open(py: Python<'_>, model: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| match model.to_str() {
            Some(name) => Classifier::open(name),
            None => Classifier::load(&model),
        });
        Ok(opened.map_err(|error| exception(py, &error))?.into())
    }

    /// Reads a model from the bytes of its file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, file: &Bound<'_, PyBytes>) -> PyResult<Self> {
        let file = file.as_bytes();
        let read = py.detach(|| Classifier::from_bytes(file, "the model"));
        Ok(read.map_err(|error| exception(py, &error))?.into())
    }

    /// The bytes of the model's file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.classifier.to_model().to_bytes());
        PyBytes::new(py, &bytes)
    }

    /// Writes the model to a file atomically.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let saved = py.detach(|| self.classifier.save(path));
        saved.map_err(|error| exception(py, &error))
    }

    /// Names of the classes.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.classifier.classes().to_vec()
    }

    /// Whether a picture can have any number of labels.
    #[getter]
    fn multi_label(&self) -> bool {
        self.classifier.task() == Task::MultiLabel
    }

    /// Whether the model can detect that a picture belongs to none of the classes.
    #[getter]
    fn tells_unknown(&self) -> bool {
        self.classifier.trust().unknown.is_some()
    }

    /// The base: its name, the height and width of its input, and the length of its features.
    #[getter]
    fn base(&self) -> (String, usize, usize, usize) {
        let base = self.classifier.base();
        let size = base.network().preprocessing();
        (base.network().name().to_owned(), size.height, size.width, base.features())
    }

    /// The record of training in JSON; `None` if headstart did not train it.
    #[getter]
    fn training(&self) -> Option<String> {
        let record = self.classifier.training()?;
        Some(serde_json::to_string(record).expect("plain data serialises"))
    }

    /// Keras's table of the base's layers.
    fn summary(&self) -> String {
        self.classifier.base().summary().to_string()
    }

    /// Predictions for pictures. With `lenient`, pictures that cannot be read are listed in the result instead of
    /// raised.
    fn predict(
        &self,
        py: Python<'_>,
        pictures: &Bound<'_, PyAny>,
        options: &Bound<'_, PyDict>,
        lenient: bool,
        threads: Option<usize>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Predicted> {
        let options = Options::new(options);
        let config = options.extract()?.with_cache_read_only(true);
        let answer = AnswerConfig::default()
            .with_coverage(options.get::<f64>("coverage")?)
            .with_unknown(options.get("unknown")?.unwrap_or(true));
        options.all_taken()?;
        let head = self.classifier.classifier_head();
        head.check_answer(&answer)
            .map_err(|error| of_kind(py, ErrorKind::InvalidInput, &error.to_string()))?;
        let places = locations(pictures, lenient)?;
        let extractor = py.detach(|| self.extractor(config));
        let (said, unread) = Work { threads, progress }.run(py, |context| {
            let mut said = Vec::with_capacity(places.len());
            let mut unread = Unread::new();
            extractor.for_each(&places, context, &mut |index, result| {
                said.push(match result {
                    Ok(picture) => Some(head.classify_as(&picture.features, &answer)),
                    Err(cause) => {
                        unread.push(unreadable(index, &places[index], cause, lenient)?);
                        None
                    }
                });
                Ok(())
            })?;
            Ok((said, unread))
        })?;
        self.predicted(py, &said, unread)
    }
}

impl Model {
    /// The base compiled for these options.
    fn extractor(&self, config: ExtractConfig) -> Arc<Extractor> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |of: &&Compiled| of.config == config && of.process == process::id();
        if let Some(fitting) = compiled.as_ref().filter(fits) {
            return fitting.extractor.clone();
        }
        let extractor = Arc::new(Extractor::new(self.classifier.base(), &config));
        *compiled = Some(Compiled { config, process: process::id(), extractor: extractor.clone() });
        extractor
    }

    fn predicted(
        &self,
        py: Python<'_>,
        said: &[Option<Prediction>],
        unread: Unread,
    ) -> PyResult<Predicted> {
        let classes = self.classifier.classes().len();
        let mut scores = Vec::with_capacity(said.len() * classes);
        for prediction in said {
            match prediction {
                Some(prediction) => scores.extend(&prediction.scores),
                None => scores.resize(scores.len() + classes, f32::NAN),
            }
        }
        let each = |of: fn(&Prediction) -> Vec<usize>| -> Vec<Vec<usize>> {
            said.iter().map(|said| said.as_ref().map_or(Vec::new(), of)).collect()
        };
        let of_all = |is: fn(&Prediction) -> bool| said.iter().flatten().next().is_some_and(is);
        let tells = of_all(|said| said.unknown.is_some());
        let unknown = said.iter().map(|said| said.as_ref().and_then(|said| said.unknown));
        let labels = said.iter().map(|said| {
            let first = said.as_ref().and_then(|said| said.labels.first());
            first.map_or(-1, |&label| label as i64)
        });
        Ok(Predicted {
            scores: rows(py, scores, classes)?.unbind(),
            labels: PyArray1::from_iter(py, labels).unbind(),
            label_sets: self.multi_label().then(|| each(|said| said.labels.clone())),
            unknown: tells.then(|| {
                let is = unknown.clone().map(|said| said.is_some_and(|said| said.is_unknown));
                PyArray1::from_iter(py, is).unbind()
            }),
            unknown_scores: tells.then(|| {
                let scores = unknown.map(|said| said.map_or(f32::NAN, |said| said.score));
                PyArray1::from_iter(py, scores).unbind()
            }),
            sets: of_all(|said| said.set.is_some())
                .then(|| each(|said| said.set.clone().unwrap_or_default())),
            unread,
        })
    }
}
