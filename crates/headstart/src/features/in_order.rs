//! Parallel work whose results are passed on in order, as soon as they are available.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::{Error, ThreadPool};

/// The most items in flight: in progress, or done and waiting for an earlier one. It is large enough to keep
/// all threads busy.
const MOST: usize = 256;
/// The most bytes that results in flight may take.
const MOST_BYTES: usize = 64 << 20;

/// The number of items that may be in flight if each result takes `bytes` bytes: limited in memory, but at
/// least one per thread.
pub(crate) fn window(threads: usize, bytes: usize) -> usize {
    (MOST_BYTES / bytes.max(1)).min(MOST).max(threads)
}

/// Runs a job for each of `items` on the pool's threads, and passes the results to `each`, in order, on the
/// calling thread.
///
/// An item is taken when a thread is free, and at most `window` items are in flight, so `items` may block.
/// After each finished item, `tick` is called with the number of finished items; the work stops when it returns
/// false.
///
/// # Errors
/// [`Error::Interrupted`] when `tick` returns false, and errors returned by `each`.
///
/// # Panics
/// When a job or `items` panics.
pub(crate) fn in_order<I, R>(
    items: I,
    (pool, window): (&ThreadPool, usize),
    job: &(impl Fn(&I::Item) -> R + Sync),
    tick: &mut dyn FnMut(usize) -> bool,
    each: &mut dyn FnMut(I::Item, R) -> Result<(), Error>,
) -> Result<(), Error>
where
    I: Iterator<Item: Send> + Send,
    R: Send,
{
    let feed = Mutex::new(items.enumerate());
    let ended = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
    // Processes one item, if there is one left.
    let serve = || {
        if ended.load(Ordering::Relaxed) {
            return None;
        }
        let next = feed.lock().expect("nothing is taken after a panic").next();
        let Some((index, item)) = next else {
            ended.store(true, Ordering::Relaxed);
            return None;
        };
        let result = job(&item);
        Some((index, item, result))
    };
    pool.in_place_scope(|scope| {
        // However this scope ends, tasks that have not begun do nothing.
        let _end = OnDrop(|| ended.store(true, Ordering::Relaxed));
        let begin = || {
            let sender = sender.clone();
            let (serve, ended) = (&serve, &ended);
            scope.spawn(move |_| {
                // A failed `send` is ignored: a receiver that is gone needs no more results.
                let served = catch_unwind(AssertUnwindSafe(serve));
                if served.is_err() {
                    ended.store(true, Ordering::Relaxed);
                }
                let _ = sender.send(served);
            });
        };
        (0..window).for_each(|_| begin());
        let mut begun = window;
        let mut waiting = BTreeMap::new();
        let (mut done, mut next) = (0, 0);
        while begun > 0 {
            begun -= 1;
            let served = receive(&results, pool).unwrap_or_else(|panic| resume_unwind(panic));
            let Some((index, item, result)) = served else { continue };
            done += 1;
            let go_on = tick(done);
            waiting.insert(index, (item, result));
            while let Some((item, result)) = waiting.remove(&next) {
                each(item, result)?;
                next += 1;
                if !ended.load(Ordering::Relaxed) {
                    begin();
                    begun += 1;
                }
            }
            if !go_on {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    })
}

/// Receives the next result. A thread of the pool works while it waits, since it may be the only one.
fn receive<T>(results: &Receiver<T>, pool: &ThreadPool) -> T {
    const PATIENCE: Duration = Duration::from_millis(1);
    loop {
        let patience = match pool.is_current() {
            false => return results.recv().expect("this thread has a sender"),
            true => match results.try_recv() {
                Ok(result) => return result,
                Err(_) if rayon::yield_now() == Some(rayon::Yield::Executed) => Duration::ZERO,
                Err(_) => PATIENCE,
            },
        };
        match results.recv_timeout(patience) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => unreachable!("this thread has a sender"),
        }
    }
}

/// Calls a function at the end of a scope.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    const WINDOW: usize = 24;

    fn pool(threads: usize) -> ThreadPool {
        ThreadPool::with_threads(threads).unwrap()
    }

    fn squares_on(
        pool: &ThreadPool,
        items: impl Iterator<Item = usize> + Send,
        each: &mut dyn FnMut(usize, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let square = |&n: &usize| {
            assert_ne!(n, 1_000_000, "too much");
            if n % 7 == 0 {
                thread::sleep(Duration::from_micros(300));
            }
            n * n
        };
        in_order(items, (pool, WINDOW), &square, &mut |_| true, each)
    }

    fn squares(
        items: impl Iterator<Item = usize> + Send,
        each: &mut dyn FnMut(usize, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        squares_on(&pool(4), items, each)
    }

    #[test]
    fn results_come_in_order_and_no_item_is_begun_long_before_its_turn() {
        let (taken, mut handed) = (AtomicUsize::new(0), 0);
        let items = (0..2000).inspect(|_| {
            taken.fetch_add(1, Ordering::SeqCst);
        });
        squares(items, &mut |n, square| {
            assert_eq!((n, square), (handed, n * n));
            handed += 1;
            assert!(taken.load(Ordering::SeqCst) <= handed + WINDOW);
            Ok(())
        })
        .unwrap();
        assert_eq!(handed, 2000);
    }

    #[test]
    fn a_thread_of_the_pool_serves_itself_though_it_be_the_only_one() {
        for threads in [1, 2, 3] {
            let pool = pool(threads);
            // Two runs at once, like two jobs on one pool.
            let run = || {
                let mut handed = 0;
                let count = |n: usize, square: usize| {
                    assert_eq!((n, square), (handed, n * n));
                    handed += 1;
                    Ok(())
                };
                let mut count = count;
                squares_on(&pool, 0..500, &mut count).unwrap();
                handed
            };
            assert_eq!(pool.install(|| rayon::join(run, run)), (500, 500), "{threads} threads");
        }
    }

    #[test]
    fn a_window_has_room_for_every_thread_and_little_memory() {
        let cases = [
            // Features, and pixels of 160 x 160 and of 4096 x 4096.
            ((2, 5_500), 256),
            ((2, 76_800 + 5_500), 256),
            ((2, 50_331_648), 2),
            ((16, 50_331_648), 16),
            ((2, 1_000_000), 67),
            ((400, 5_500), 400),
            ((2, 0), 256),
        ];
        for ((threads, bytes), expected) in cases {
            assert_eq!(window(threads, bytes), expected, "{threads} threads, {bytes} bytes");
        }
    }

    #[test]
    fn an_answer_does_not_wait_for_later_items() {
        let (ask, questions) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                squares(questions.into_iter(), &mut |_, square| {
                    answer.send(square).unwrap();
                    Ok(())
                })
                .unwrap();
            });
            for n in [3, 7, 5] {
                ask.send(n).unwrap();
                assert_eq!(answers.recv().unwrap(), n * n);
            }
            drop(ask);
            assert!(answers.recv().is_err());
        });
    }

    #[test]
    fn work_ends_early_when_results_cannot_be_taken_or_a_job_panics() {
        let taken = AtomicUsize::new(0);
        let items = (0..1_000_000).inspect(|_| {
            taken.fetch_add(1, Ordering::SeqCst);
        });
        let failed = squares(items, &mut |n, _| match n {
            10 => Err(Error::Options("full".to_owned())),
            _ => Ok(()),
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert!(taken.load(Ordering::SeqCst) < 1000);

        let (pool, nothing) = (pool(2), |_: &usize| ());
        let mut each = |_, ()| Ok(());
        let mut tick = |done| done < 100;
        let interrupted = in_order(0.., (&pool, WINDOW), &nothing, &mut tick, &mut each);
        assert!(matches!(interrupted, Err(Error::Interrupted)));

        let panicked = catch_unwind(|| squares(999_990.., &mut |_, _| Ok(())));
        let panic = panicked.unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("too much"));
    }

    #[test]
    fn items_that_panic_end_it_on_whichever_thread_it_waits() {
        let run = |pool: &ThreadPool| {
            let items = (0..1000).inspect(|n| assert!(*n < 100, "no more rows"));
            let work = |_: &usize| ();
            in_order(items, (pool, WINDOW), &work, &mut |_| true, &mut |_, ()| Ok(()))
        };
        for threads in 1..4 {
            let pool = pool(threads);
            for inside in [false, true] {
                let panicked = catch_unwind(AssertUnwindSafe(|| match inside {
                    false => run(&pool),
                    true => pool.install(|| run(&pool)),
                }));
                let panic = panicked.unwrap_err();
                let told = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let told = told.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap();
                assert!(told.contains("no more rows") || told.contains("after a panic"), "{told}");
            }
        }
    }
}
