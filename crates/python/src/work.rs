//! Runs work such that other Python threads can run, progress is reported, and Ctrl-C interrupts it.

use std::panic::resume_unwind;
use std::process;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use headstart::{CancelToken, Context, Error, ErrorKind, Event, Phase, Stage, ThreadPool};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::errors::exception;

/// Interval at which signals are checked and progress is reported.
const BEAT: Duration = Duration::from_millis(50);

/// How work is run.
#[derive(Default)]
pub(crate) struct Work {
    /// Number of threads. `None` for as many as the machine runs at once.
    pub(crate) threads: Option<usize>,
    /// Called with the name of the current step, the number of items done, and the total number, 0 if unknown.
    pub(crate) progress: Option<Py<PyAny>>,
}

/// The name of the step, the number of items done, and the total number.
type Step = (&'static str, usize, usize);

impl Work {
    /// Runs work on a separate thread, without the interpreter's lock. A signal, or an exception raised by `progress`,
    /// cancels it in an orderly way.
    ///
    /// # Errors
    /// The exception that was raised, or the exception for the work's error.
    pub(crate) fn run<T: Send>(
        self,
        py: Python<'_>,
        work: impl FnOnce(&mut Context<'_>) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let Self { threads, progress } = self;
        let pool = pool(threads).map_err(|error| exception(py, &error))?;
        let cancel = CancelToken::new();
        let latest = Mutex::new(None);
        let (result, raised) = py.detach(|| {
            thread::scope(|scope| {
                let (token, latest) = (cancel.clone(), &latest);
                let (done, is_done) = channel::<()>();
                let worker = scope.spawn(move || {
                    // Dropping it signals that the work is done, even after a panic.
                    let _done = done;
                    let mut context = Context::default()
                        .with_pool(pool)
                        .with_cancel_token(token)
                        .on_event(move |event| keep(latest, &event));
                    work(&mut context)
                });
                let mut raised = None;
                while is_done.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                    if raised.is_none() {
                        raised = Python::attach(|py| beat(py, progress.as_ref(), latest)).err();
                    }
                    if raised.is_some() {
                        cancel.cancel();
                    }
                }
                (worker.join().unwrap_or_else(|panic| resume_unwind(panic)), raised)
            })
        });
        match (result, raised) {
            (Err(error), Some(raised))
                if error.kind() == ErrorKind::Interrupted
                    && raised.is_instance_of::<PyKeyboardInterrupt>(py) =>
            {
                // Its message says what is kept.
                Err(exception(py, &error))
            }
            (_, Some(raised)) => Err(raised),
            (Err(error), None) => Err(exception(py, &error)),
            (Ok(result), None) => Ok(result),
        }
    }
}

/// Handles pending signals, and reports progress.
fn beat(
    py: Python<'_>,
    progress: Option<&Py<PyAny>>,
    latest: &Mutex<Option<Step>>,
) -> PyResult<()> {
    py.check_signals()?;
    let step = latest.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (progress, step) {
        (Some(progress), Some(step)) => progress.call1(py, step).map(drop),
        _ => Ok(()),
    }
}

/// Stores the progress in an event.
fn keep(latest: &Mutex<Option<Step>>, event: &Event) {
    let step = match *event {
        Event::Pictures { stage, done, total } => {
            let what = match stage {
                Stage::Decoding => "Pictures",
                Stage::Views => "Views",
                _ => "Features",
            };
            (what, done, total)
        }
        Event::Comparing { done, total } => ("Copies", done, total),
        Event::Choosing { trial, .. } => ("Strengths", trial, 0),
        Event::Fitting { step } => ("Head", step, 0),
        Event::LeavingOut { done, total } => ("Unknown", done, total),
        Event::Batch { phase, epoch, batch, batches } => {
            let what = match phase {
                Phase::Head => "Head",
                Phase::FineTune => "Fine-tuning",
            };
            (what, (epoch - 1) * batches + batch, 0)
        }
        _ => return,
    };
    *latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
}

/// The thread pool of this process. A fork inherits its parent's pool without the threads, so it needs a new one.
fn pool(threads: Option<usize>) -> Result<ThreadPool, Error> {
    static POOL: Mutex<Option<(u32, ThreadPool)>> = Mutex::new(None);
    if let Some(threads) = threads {
        return ThreadPool::with_threads(threads);
    }
    let mut kept = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    match &*kept {
        Some((process, pool)) if *process == process::id() => Ok(pool.clone()),
        _ => {
            let pool = ThreadPool::new()?;
            // Dropping the parent's pool would wait for threads that do not exist.
            std::mem::forget(kept.replace((process::id(), pool.clone())));
            Ok(pool)
        }
    }
}
