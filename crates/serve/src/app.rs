//! State shared by all requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headstart::data::MemoryBudget;
use headstart::predict::PredictConfig;

use crate::metrics::{self, Metrics};
use crate::models::{Answered, Change, Entry, Loaded, Models, Picture, Question};
use crate::pool::Pool;
use crate::upload::Uploads;
use crate::{Failure, ServeConfig, ServeError};

/// State shared by all requests.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: ServeConfig,
    pub(crate) models: Models,
    pub(crate) uploads: Uploads,
    pub(crate) metrics: Arc<Metrics>,
    pool: Pool,
    memory: Arc<MemoryBudget>,
    predict: PredictConfig,
    stopping: AtomicBool,
}

impl App {
    /// Loads the models and starts the threads that predict.
    pub(crate) fn start(config: ServeConfig) -> Result<Self, ServeError> {
        let mut predict = PredictConfig::default();
        predict.compute = config.compute;
        predict.limits.max_pixels = config.limits.pixels;
        predict.limits.max_bytes = config.limits.memory;
        let models = Models::load(&config.models, &predict)?;
        let metrics = Arc::new(Metrics::default());
        for entry in models.iter() {
            let model = metrics::Model { model: entry.source.name.clone() };
            metrics.version.get_or_create(&model).set(entry.current().version);
            // Created now, so that the counters are exported as 0 before the first picture.
            let _ = metrics.pictures.get_or_create(&model);
            let _ = metrics.unknown.get_or_create(&model);
        }
        let threads = config.predicting_threads();
        let pool = Pool::start(threads, config.limits.queue, metrics.clone());
        let pool = pool.map_err(|cause| ServeError::Threads { threads, cause })?;
        Ok(Self {
            uploads: Uploads::new(&config.limits),
            memory: Arc::new(MemoryBudget::new(config.limits.memory)),
            stopping: AtomicBool::new(false),
            config,
            models,
            metrics,
            pool,
            predict,
        })
    }

    /// Whether the server has been told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Predicts the pictures of a request. Returns an answer or a failure for each, in order.
    ///
    /// # Errors
    /// If there are no pictures or too many, if the question cannot be answered, or if there is no room
    /// in the queue.
    pub(crate) async fn answer(
        &self,
        entry: &Entry,
        loaded: &Arc<Loaded>,
        pictures: Vec<Picture>,
        question: Question,
    ) -> Result<Vec<Result<Answered, Failure>>, Failure> {
        let most = self.config.limits.pictures;
        match pictures.len() {
            0 => return Err(Failure::bad_request("the request has no picture")),
            n if n > most => {
                let message = format!("the request has {n} pictures, and {most} are the most");
                return Err(Failure::too_large(message));
            }
            _ => {}
        }
        let predictor = loaded.predictor(&question)?;
        let mut room = self.pool.room(pictures.len())?;
        let begun: Vec<_> = (pictures.into_iter())
            .map(|picture| {
                let (loaded, memory) = (loaded.clone(), self.memory.clone());
                let predictor = predictor.clone();
                room.run(move || loaded.answer(&predictor, &picture, question.explain, &memory))
            })
            .collect();
        let mut answers = Vec::with_capacity(begun.len());
        for answer in begun {
            let answer = answer.await.and_then(|result| result.map_err(Failure::from));
            self.count(&entry.source.name, &answer);
            answers.push(answer);
        }
        Ok(answers)
    }

    /// As [`App::answer`], for a protocol in which one failure fails the whole request. `what` names a
    /// picture in the failure's message.
    pub(crate) async fn answer_all(
        &self,
        entry: &Entry,
        loaded: &Arc<Loaded>,
        pictures: Vec<Picture>,
        what: &str,
    ) -> Result<Vec<Answered>, Failure> {
        let answers = self.answer(entry, loaded, pictures, Question::default()).await?;
        let answers = answers.into_iter().enumerate();
        answers.map(|(index, answer)| answer.map_err(|failure| failure.of(what, index))).collect()
    }

    fn count(&self, model: &str, answer: &Result<Answered, Failure>) {
        let model = model.to_owned();
        match answer {
            Ok(answered) => {
                let model = metrics::Model { model };
                self.metrics.pictures.get_or_create(&model).inc();
                if answered.prediction.is_unknown() {
                    self.metrics.unknown.get_or_create(&model).inc();
                }
            }
            Err(failure) => {
                let error = metrics::PictureError { model, kind: failure.kind };
                self.metrics.picture_errors.get_or_create(&error).inc();
            }
        }
    }

    /// Checks whether model files have changed, and switches to those that have.
    pub(crate) fn refresh(&self) {
        for entry in self.models.iter() {
            let Some(change) = entry.refresh(&self.predict) else { continue };
            let name = &entry.source.name;
            let outcome = match &change {
                Change::Swapped { before, now } => {
                    let model = metrics::Model { model: name.clone() };
                    self.metrics.version.get_or_create(&model).set(now.version);
                    let (version, classes) = (now.version, now.classes().len());
                    let classes_before = before.classes().len();
                    tracing::info!(model = name, version, classes, classes_before, "model swapped");
                    "swapped"
                }
                Change::Kept(problem) => {
                    tracing::error!(model = name, problem, "model kept as it was");
                    "kept"
                }
            };
            let load = metrics::Load { model: name.clone(), outcome };
            self.metrics.loads.get_or_create(&load).inc();
        }
    }
}
