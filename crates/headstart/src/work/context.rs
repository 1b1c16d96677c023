//! The context of long-running work.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use super::{CancelToken, Event, Phase, ThreadPool};
use crate::Error;

/// Progress, cancellation and threads of long-running work.
///
/// By default, events are not reported, nothing is cancelled, and threads are started when needed.
///
/// ```
/// use headstart::{CancelToken, Context, Event, ThreadPool};
///
/// # fn main() -> Result<(), headstart::Error> {
/// let cancel = CancelToken::new();
/// let context = Context::default()
///     .with_pool(ThreadPool::with_threads(2)?)
///     .with_cancel_token(cancel.clone())
///     .on_event(|event| {
///         if let Event::Epoch { epoch, .. } = event {
///             println!("epoch {}: loss {:.3}", epoch.epoch, epoch.loss);
///         }
///     });
/// cancel.cancel();
/// assert!(context.is_cancelled());
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Context<'a> {
    on_event: Option<Box<dyn FnMut(Event) + Send + 'a>>,
    cancel: CancelToken,
    pool: OnceLock<ThreadPool>,
}

impl<'a> Context<'a> {
    /// Reports progress to `on_event`. It is called with one event at a time, from the calling thread or one of the
    /// pool's, and work waits for it.
    #[must_use]
    pub fn on_event(mut self, on_event: impl FnMut(Event) + Send + 'a) -> Self {
        self.on_event = Some(Box::new(on_event));
        self
    }

    /// Sets the token that cancels the work.
    #[must_use]
    pub fn with_cancel_token(mut self, cancel: CancelToken) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets the threads that do the work.
    #[must_use]
    pub fn with_pool(mut self, pool: ThreadPool) -> Self {
        self.pool = OnceLock::from(pool);
        self
    }

    /// The token that cancels work with this context.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Whether work is cancelled and should end.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The threads that do the work.
    ///
    /// # Errors
    /// When no pool was given and the system cannot start threads.
    pub fn pool(&self) -> Result<ThreadPool, Error> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool.clone());
        }
        let pool = ThreadPool::new()?;
        Ok(self.pool.get_or_init(|| pool).clone())
    }

    /// Reports an event.
    pub fn tell(&mut self, event: Event) {
        if let Some(on_event) = &mut self.on_event {
            on_event(event);
        }
    }

    /// Runs work on the pool.
    ///
    /// # Errors
    /// When there are no threads, and those of the work.
    pub(crate) fn install<R: Send>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<R, Error> + Send,
    ) -> Result<R, Error> {
        let pool = self.pool()?;
        pool.install(|| work(self))
    }

    /// Fails if work is cancelled.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// The same context, reporting only events that `keep` accepts.
    pub(crate) fn filtered(&mut self, keep: fn(&Event) -> bool) -> Context<'_> {
        let (cancel, pool) = (self.cancel.clone(), self.pool.clone());
        let within = Context { on_event: None, cancel, pool };
        within.on_event(move |event| {
            if keep(&event) {
                self.tell(event);
            }
        })
    }

    /// A callback that reports events of training and stops it when work is cancelled.
    ///
    /// Fine-tuning stops only between batches, so that a completed epoch is kept.
    pub(crate) fn watch(
        &mut self,
        phase: Phase,
    ) -> impl FnMut(headstart_train::Event<'_>) -> ControlFlow<()> {
        move |event| {
            if let Some(event) = Event::of_training(phase, event) {
                self.tell(event);
            }
            let may_end = match phase {
                Phase::Head => true,
                Phase::FineTune => matches!(event, headstart_train::Event::Batch { .. }),
            };
            if may_end && self.is_cancelled() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }

    /// A callback that reports the progress of comparing pictures and stops it when work is cancelled.
    pub(crate) fn watch_comparing(&mut self) -> impl FnMut(usize, usize) -> bool {
        move |done, total| {
            self.tell(Event::Comparing { done, total });
            !self.is_cancelled()
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cancel", &self.cancel)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
