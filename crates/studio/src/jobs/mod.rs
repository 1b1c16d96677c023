//! Training that takes minutes: one job at a time, on its own thread.

mod follow;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use headstart::data::SkipReason;
use headstart::data::decode::guarded;
use headstart::model::Trainable;
use headstart::{
    BaseConfig, BaseSource, CancelToken, Classifier, Context, ExtractConfig, FineTunePhase,
    FineTuneReport, FineTuning, FitReport, PictureSource, RunConfig, ThreadPool, TrainJob,
};
use headstart_report::Report;
use serde::{Deserialize, Serialize};

use crate::StudioError;
use crate::events::Hub;
use crate::models::Models;
use follow::Follow;
pub(crate) use follow::Point;

/// The share of pictures that is held back for measurement, and the seed of the split. They are the same for all jobs,
/// so that models can be compared.
const HELD_BACK: (f64, u64) = (0.2, 0);
/// The number of epochs without improvement after which fine-tuning ends, with the weights of the best epoch.
const PATIENCE: usize = 3;

/// A request for training.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobRequest {
    kind: Kind,
    /// The name of a bundled base.
    base: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    epochs: Option<usize>,
    /// The model to fine-tune further.
    #[serde(default)]
    from: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// Trains a head on a base.
    Train,
    /// Also trains the top of the base.
    FineTune,
}

/// A job, as sent to the page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobView {
    id: String,
    kind: Kind,
    name: String,
    stage: String,
    done: usize,
    total: usize,
    seconds_left: Option<f64>,
    curve: Vec<Point>,
    state: JobState,
    message: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum JobState {
    Running,
    Stopping,
    Done,
    Failed,
    Stopped,
}

/// The running job, or the last one.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    view: Option<JobView>,
    cancel: CancelToken,
    thread: Option<JoinHandle<()>>,
}

/// What jobs need for their work.
#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) root: std::path::PathBuf,
    pub(crate) extract: ExtractConfig,
    pub(crate) pool: ThreadPool,
    pub(crate) hub: Arc<Hub>,
    pub(crate) models: Arc<Models>,
}

impl Jobs {
    /// The running job, or the last one.
    pub(crate) fn view(&self) -> Option<JobView> {
        lock(&self.state).view.clone()
    }

    /// Starts a job, and returns its id. `when_done` is called when it has ended, for whatever reason.
    ///
    /// # Errors
    /// If another job is running, or the request is invalid.
    pub(crate) fn start(
        &self,
        request: JobRequest,
        tools: Tools,
        when_done: impl FnOnce() + Send + 'static,
    ) -> Result<String, StudioError> {
        let mut state = lock(&self.state);
        if let Some(view) = state.view.as_ref().filter(|view| view.is_running()) {
            return Err(StudioError::JobRuns { name: view.name.clone() });
        }
        let otherwise = match request.kind {
            Kind::Train => request.base.clone(),
            Kind::FineTune => {
                format!("{} fine-tuned", request.from.as_ref().unwrap_or(&request.base))
            }
        };
        let name = tools.models.free_name(request.name.as_deref(), &otherwise)?;
        let job = Job::new(&request, &tools)?;
        state.count += 1;
        let id = state.count.to_string();
        state.view = Some(JobView {
            id: id.clone(),
            kind: request.kind,
            name: name.clone(),
            stage: "Reading pictures".to_owned(),
            done: 0,
            total: 0,
            seconds_left: None,
            curve: Vec::new(),
            state: JobState::Running,
            message: None,
        });
        state.cancel = CancelToken::new();
        let (shared, cancel) = (self.state.clone(), state.cancel.clone());
        let run = move || {
            let ended = caught(|| run(&job, &name, &tools, &cancel, &shared));
            end(&shared, ended, &cancel);
            tools.hub.tell("job", &lock(&shared).view);
            when_done();
        };
        let thread = thread::Builder::new().name("job".to_owned()).spawn(run);
        let thread = thread.map_err(|cause| {
            state.view = None;
            StudioError::system("start", "a thread", cause)
        })?;
        state.thread = Some(thread);
        Ok(id)
    }

    /// Asks a job to stop.
    ///
    /// # Errors
    /// If no job with this id is running.
    pub(crate) fn stop(&self, id: &str) -> Result<JobView, StudioError> {
        let mut state = lock(&self.state);
        let cancel = state.cancel.clone();
        let running = state.view.as_mut().filter(|view| view.id == id && view.is_running());
        let view =
            running.ok_or(StudioError::NoSuch { what: "running job", name: id.to_owned() })?;
        cancel.cancel();
        view.state = JobState::Stopping;
        Ok(view.clone())
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.cancel.cancel();
        let thread = state.thread.take();
        drop(state);
        // The job's own thread may drop the last reference to the studio.
        if let Some(thread) = thread.filter(|job| job.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

impl JobView {
    fn is_running(&self) -> bool {
        matches!(self.state, JobState::Running | JobState::Stopping)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The training of a job.
enum Job {
    /// Training that starts from a base.
    New(Box<TrainJob>),
    /// Further fine-tuning of a model.
    Further(Box<Classifier>, Box<FineTuning>),
}

impl Job {
    /// # Errors
    /// If there is no such base or model, or the options are invalid.
    fn new(request: &JobRequest, tools: &Tools) -> Result<Self, StudioError> {
        let mut phase = FineTunePhase::default();
        phase.training.early_stop = Some(PATIENCE);
        phase.training.epochs = request.epochs.unwrap_or(phase.training.epochs);
        let extract = tools.extract.clone();
        match (request.kind, &request.from) {
            (Kind::Train, Some(_)) => {
                let problem = "a model can be fine-tuned but not trained again; remove \"from\"";
                Err(StudioError::Request(problem.to_owned()))
            }
            (Kind::FineTune, Some(from)) => {
                let classifier = tools.models.load(from)?;
                let config = FineTuning::default()
                    .with_training(phase.training)
                    .with_at(at(&classifier))
                    .with_extract(extract);
                config.check(classifier.base())?;
                Ok(Self::Further(Box::new(classifier), Box::new(config)))
            }
            (kind, None) => {
                let config = BaseConfig::default().with_architecture(request.base.clone());
                let base = BaseSource::default().with_config(config);
                let (share, seed) = HELD_BACK;
                let source = PictureSource::new(tools.root.as_path()).with_validation(share, seed);
                let mut job = TrainJob::new(source).with_base(base);
                job.run = RunConfig::default().with_extract(extract);
                let base = job.base.load()?;
                if kind == Kind::FineTune {
                    job.fine_tune = Some(phase.with_at(last_third(base.network().layers().len())));
                }
                job.check(&base)?;
                Ok(Self::New(Box::new(job)))
            }
        }
    }
}

impl Job {
    /// The largest number of epochs of fine-tuning.
    fn epochs(&self) -> usize {
        match self {
            Self::New(job) => job.fine_tune.as_ref().map_or(0, |phase| phase.training.epochs),
            Self::Further(_, config) => config.training.epochs,
        }
    }
}

/// The last third of the layers, as in Keras's tutorial for MobileNetV2.
fn last_third(layers: usize) -> Trainable {
    Trainable::FromIndex(layers * 2 / 3)
}

/// The layers at which a model is fine-tuned further: those of the last time.
fn at(classifier: &Classifier) -> Trainable {
    let record = classifier.training().and_then(|record| record.fine_tune.as_ref());
    match record {
        Some(record) => Trainable::FromLayer(record.first_layer.clone()),
        None => last_third(classifier.base().network().layers().len()),
    }
}

/// The result of training.
struct Trained {
    classifier: Classifier,
    fit: Option<FitReport>,
    tuned: Option<FineTuneReport>,
}

/// Trains, and saves the model with its report. Returns a message about the result.
fn run(
    job: &Job,
    name: &str,
    tools: &Tools,
    cancel: &CancelToken,
    state: &Mutex<State>,
) -> Result<String, StudioError> {
    let mut follow = Follow::new(job.epochs());
    let tell = |event| {
        let Some(step) = follow.step(&event) else { return };
        let mut state = lock(state);
        let Some(view) = &mut state.view else { return };
        view.take(step);
        tools.hub.tell("job", view);
    };
    let mut context = Context::default()
        .with_pool(tools.pool.clone())
        .with_cancel_token(cancel.clone())
        .on_event(tell);
    let trained = match job {
        Job::New(job) => {
            let trained = job.run(&mut context)?;
            Trained {
                classifier: trained.classifier,
                fit: Some(trained.fit),
                tuned: trained.fine_tune,
            }
        }
        Job::Further(classifier, config) => {
            let mut classifier = (**classifier).clone();
            let (share, seed) = HELD_BACK;
            let pictures = PictureSource::new(tools.root.as_path()).with_validation(share, seed);
            let pictures = pictures.open()?.continuing(classifier.training());
            let tuned = classifier.fine_tune(&pictures, config, &mut context)?;
            Trained { classifier, fit: None, tuned: Some(tuned) }
        }
    };
    drop(context);
    let Trained { classifier, fit, tuned } = &trained;
    keep(classifier, (fit.as_ref(), tuned.as_ref()), name, (tools, cancel))?;
    let measured = classifier.training().and_then(|record| record.metrics.as_ref());
    Ok(match measured {
        Some(measured) => format!(
            "{name} is right about {:.1} % of {} pictures that it has not seen",
            100.0 * measured.accuracy,
            measured.pictures
        ),
        None => format!("{name} is trained"),
    })
}

/// Writes the report before the model, so that a model in the list is complete.
fn keep(
    classifier: &Classifier,
    (fit, tuned): (Option<&FitReport>, Option<&FineTuneReport>),
    name: &str,
    (tools, cancel): (&Tools, &CancelToken),
) -> Result<(), StudioError> {
    crate::project::make_own(tools.models.file(name).parent().unwrap_or(Path::new("")))?;
    let report = match (tuned, fit) {
        (Some(tuned), _) => Some(Report::of_fine_tune(classifier, tuned)),
        (None, Some(fit)) => Some(Report::of_fit(classifier, fit)),
        (None, None) => None,
    };
    if let Some(report) = report {
        let skipped = tuned.map(|tuned| &tuned.skipped).or(fit.map(|fit| &fit.skipped));
        // Pictures in the inbox are not left out by mistake.
        let skipped =
            skipped.into_iter().flatten().filter(|skipped| skipped.reason != SkipReason::NoClass);
        let mut context =
            Context::default().with_pool(tools.pool.clone()).with_cancel_token(cancel.clone());
        let report = report
            .with_title(name)
            .with_fact("Date", httpdate::fmt_http_date(SystemTime::now()))
            .with_skipped(skipped.map(ToString::to_string))
            .with_extract(tools.extract.clone());
        report.page(&mut context)?.write(&tools.models.report(name))?;
    }
    Ok(classifier.save(tools.models.file(name))?)
}

/// Runs `work`. A panic becomes an error like any other, and ends nothing else.
fn caught<T>(work: impl FnOnce() -> Result<T, StudioError>) -> Result<T, StudioError> {
    guarded(work).unwrap_or_else(|problem| {
        tracing::error!(problem, "a job made the program panic");
        Err(StudioError::Fault { problem })
    })
}

fn end(state: &Mutex<State>, ended: Result<String, StudioError>, cancel: &CancelToken) {
    let mut state = lock(state);
    let Some(view) = &mut state.view else { return };
    view.seconds_left = None;
    (view.state, view.message) = match ended {
        Ok(message) => (JobState::Done, Some(message)),
        Err(_) if cancel.is_cancelled() => (JobState::Stopped, None),
        Err(error) => (JobState::Failed, Some(error.to_string())),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_program_ends_the_job_which_says_so() {
        let view = JobView {
            id: "1".to_owned(),
            kind: Kind::Train,
            name: "a".to_owned(),
            stage: String::new(),
            done: 0,
            total: 0,
            seconds_left: Some(1.0),
            curve: Vec::new(),
            state: JobState::Running,
            message: None,
        };
        let state = Mutex::new(State { view: Some(view), ..State::default() });
        let ended = caught(|| -> Result<String, StudioError> { panic!("it broke") });
        end(&state, ended, &CancelToken::new());
        let view = lock(&state).view.clone().expect("it is kept");
        assert_eq!((view.state, view.is_running()), (JobState::Failed, false));
        assert!(view.message.expect("it says why").contains("it broke"));
    }
}
