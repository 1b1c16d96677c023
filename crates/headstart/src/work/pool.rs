//! The threads that work is done on.

use std::sync::Arc;

use crate::Error;

/// Threads for reading pictures, computing matrix products and training networks. Clones share them; they end
/// with the last clone.
///
/// The library uses no other threads, so two pools do not disturb each other. Programs that do several jobs on
/// one machine should give them the same pool, by [`Context::with_pool`](crate::Context::with_pool). Results do
/// not depend on the number of threads.
#[derive(Clone, Debug)]
pub struct ThreadPool(Arc<rayon::ThreadPool>);

impl ThreadPool {
    /// As many threads as the machine runs at once.
    ///
    /// # Errors
    /// When the system cannot start the threads.
    pub fn new() -> Result<Self, Error> {
        Self::with_threads(0)
    }

    /// A given number of threads; 0 stands for as many as the machine runs at once.
    ///
    /// # Errors
    /// When the system cannot start the threads.
    pub fn with_threads(threads: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(match threads {
                // Rayon's own default would depend on an environment variable.
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                n => n,
            })
            .thread_name(|index| format!("headstart-{index}"));
        let started = pool.build();
        started
            .map(|pool| Self(Arc::new(pool)))
            .map_err(|error| Error::Threads { threads, reason: error.to_string() })
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `work` on these threads and waits for it. Rayon's parallel iterators within it run here, too.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }

    /// Whether the caller is one of these threads. If it waited, none might be left to do the work.
    pub(crate) fn is_current(&self) -> bool {
        self.0.current_thread_index().is_some()
    }

    /// Runs `work` on the calling thread. The tasks that it spawns run on these threads.
    pub(crate) fn in_place_scope<'scope, R>(
        &self,
        work: impl FnOnce(&rayon::Scope<'scope>) -> R,
    ) -> R {
        self.0.in_place_scope(work)
    }
}

impl From<Arc<rayon::ThreadPool>> for ThreadPool {
    /// Uses a pool that the caller also uses for other work.
    fn from(pool: Arc<rayon::ThreadPool>) -> Self {
        Self(pool)
    }
}
