//! The threads that predict, and their queue.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use headstart::data::decode::guarded;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::Failure;
use crate::metrics::Metrics;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that take pictures from one queue.
///
/// The number of pictures that wait or are being processed is bounded. A request that does not fit is
/// refused at once.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    capacity: usize,
    metrics: Arc<Metrics>,
}

/// Room for all pictures of a request.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    pool: &'a Pool,
    permits: OwnedSemaphorePermit,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system cannot start that many.
    pub(crate) fn start(threads: usize, queue: usize, metrics: Arc<Metrics>) -> io::Result<Self> {
        let (jobs, taken) = mpsc::channel::<Job>();
        let taken = Arc::new(Mutex::new(taken));
        for index in 0..threads {
            let taken = taken.clone();
            thread::Builder::new().name(format!("predict-{index}")).spawn(move || {
                loop {
                    let job = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    // The pool is gone, so there will be no more jobs.
                    let Ok(job) = job else { return };
                    job();
                }
            })?;
        }
        let capacity = queue + threads;
        metrics.queue_capacity.set(capacity as i64);
        Ok(Self { jobs, room: Arc::new(Semaphore::new(capacity)), capacity, metrics })
    }

    /// Reserves room for this many pictures.
    ///
    /// # Errors
    /// [`Failure::busy`] if there is not enough room at the moment.
    pub(crate) fn room(&self, pictures: usize) -> Result<Room<'_>, Failure> {
        let permits = u32::try_from(pictures).unwrap_or(u32::MAX);
        match self.room.clone().try_acquire_many_owned(permits) {
            Ok(permits) => Ok(Room { pool: self, permits }),
            Err(_) => {
                let waiting = self.capacity - self.room.available_permits();
                Err(Failure::busy(format!(
                    "{waiting} pictures are being worked on or wait, and there is no room for {pictures} more: try again in a second"
                )))
            }
        }
    }
}

impl Room<'_> {
    /// Runs the work for one picture on one of the threads. The work is skipped if its result is no
    /// longer awaited when its turn comes.
    ///
    /// # Errors
    /// [`Failure::internal`] if the work panics.
    ///
    /// # Panics
    /// If called more often than room was reserved for.
    pub(crate) fn run<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &mut self,
        work: W,
    ) -> impl Future<Output = Result<T, Failure>> + use<T, W> {
        let permit = self.permits.split(1).expect("room was taken for each picture");
        let (answer, answered) = oneshot::channel();
        let metrics = self.pool.metrics.clone();
        metrics.queue.inc();
        let queued = Instant::now();
        let job = move || {
            metrics.queue.dec();
            if !answer.is_closed() {
                metrics.queue_seconds.observe(queued.elapsed().as_secs_f64());
                let started = Instant::now();
                let result = guarded(work);
                metrics.picture_seconds.observe(started.elapsed().as_secs_f64());
                // The request may be gone by now.
                let _ = answer.send(result);
            }
            drop(permit);
        };
        self.pool.jobs.send(Box::new(job)).expect("the threads live as long as the pool");
        let span = tracing::Span::current();
        async move {
            match answered.await {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(panic)) => {
                    span.in_scope(|| tracing::error!(panic, "a picture made the program panic"));
                    Err(Failure::internal("a fault of this program, which its log tells of"))
                }
                Err(_) => Err(Failure::internal("a thread ended before it answered")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(threads: usize, queue: usize) -> Pool {
        Pool::start(threads, queue, Arc::default()).expect("there are threads")
    }

    #[tokio::test]
    async fn all_pictures_of_a_request_have_room_or_none_has() {
        let pool = pool(1, 3);
        let room = pool.room(3).expect("there is room for four");
        let busy = pool.room(2).expect_err("there is room for one");
        assert!(busy.message.starts_with("3 pictures"), "{}", busy.message);
        drop(pool.room(1).expect("there is room for one"));
        drop(room);
        assert!(pool.room(4).is_ok() && pool.room(5).is_err());
    }

    #[tokio::test]
    async fn room_is_free_again_when_the_work_is_done_even_if_it_panics() {
        let pool = pool(2, 0);
        for round in 0..20 {
            let mut room = pool.room(2).expect("all is done");
            let sound = room.run(move || round);
            let broken = room.run(|| [0; 3][std::hint::black_box(3)]);
            assert_eq!(sound.await, Ok(round));
            assert_eq!(broken.await.map_err(|failure| failure.kind), Err("internal"));
            // The permit is returned shortly after the answer.
            while pool.room.available_permits() < 2 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_not_done() {
        let pool = pool(1, 2);
        let (go, wait) = mpsc::channel::<()>();
        let mut room = pool.room(3).expect("there is room");
        let first = room.run(move || wait.recv());
        let (done, was_done) = mpsc::channel();
        drop(room.run(move || done.send(())));
        let last = room.run(|| 3);
        go.send(()).expect("it waits");
        assert!(first.await.is_ok());
        assert_eq!(last.await, Ok(3));
        assert!(was_done.try_recv().is_err());
    }
}
