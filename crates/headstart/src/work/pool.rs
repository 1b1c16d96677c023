//! The threads that work is done on.

use std::sync::Arc;

use crate::Error;

/// Threads that pictures are read, products computed and networks trained on. A clone shares them; they
/// end when the last clone is gone.
///
/// This library works on no others: two pools do not disturb each other, and whoever works for many on
/// one machine gives them one pool, by [`Context::with_pool`](crate::Context::with_pool). What is
/// computed does not depend on the number of threads.
#[derive(Clone, Debug)]
pub struct ThreadPool(Arc<rayon::ThreadPool>);

impl ThreadPool {
    /// As many threads as the machine runs at once.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn new() -> Result<Self, Error> {
        Self::with_threads(0)
    }

    /// So many threads; 0 are as many as the machine runs at once.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn with_threads(threads: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(match threads {
                // Left to rayon, an environment variable of its own would decide.
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                n => n,
            })
            .thread_name(|index| format!("headstart-{index}"));
        let started = pool.build();
        started
            .map(|pool| Self(Arc::new(pool)))
            .map_err(|error| Error::Threads { threads, reason: error.to_string() })
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Does some work on these threads, and waits for it: rayon's parallel iterators in it run here.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }

    /// Whether the caller runs on one of these threads, so that none is left to serve it if it waits.
    pub(crate) fn is_current(&self) -> bool {
        self.0.current_thread_index().is_some()
    }

    /// Runs `work` on the calling thread, and what it spawns on these.
    pub(crate) fn in_place_scope<'scope, R>(
        &self,
        work: impl FnOnce(&rayon::Scope<'scope>) -> R,
    ) -> R {
        self.0.in_place_scope(work)
    }
}

impl From<Arc<rayon::ThreadPool>> for ThreadPool {
    /// A pool that the caller also uses for other things.
    fn from(pool: Arc<rayon::ThreadPool>) -> Self {
        Self(pool)
    }
}
