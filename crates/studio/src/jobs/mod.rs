//! Training that takes minutes: one job at a time, on its own thread.

mod follow;
mod training;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use headstart::data::decode::guarded;
use headstart::{CancelToken, ExtractConfig, ThreadPool};
use serde::{Deserialize, Serialize};

use crate::StudioError;
use crate::events::Hub;
use crate::models::Models;
pub(crate) use follow::Point;
use training::{Job, run};

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
