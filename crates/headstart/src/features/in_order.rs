//! Work on several threads whose results are handed on in order, as soon as there are any.

use std::collections::BTreeMap;
use std::iter::Enumerate;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::Error;

/// Items that are in work, or done and waiting for one before them: enough that no thread waits for
/// another.
const MOST: usize = 256;
/// Bytes that their results may take.
const MOST_BYTES: usize = 64 << 20;

/// How many items may be begun and not be handed on yet, where each result takes so many bytes: few
/// enough that they take little memory, but one for each thread.
pub(crate) fn window(threads: usize, bytes: usize) -> usize {
    (MOST_BYTES / bytes.max(1)).min(MOST).max(threads)
}

/// What a thread is given to do.
pub(crate) struct Jobs<'a, I: Iterator, R> {
    feed: &'a Mutex<Feed<I>>,
    results: Sender<(usize, I::Item, thread::Result<R>)>,
}

struct Feed<I> {
    items: Enumerate<I>,
    /// One for each item that may be begun.
    permits: Receiver<()>,
}

impl<I: Iterator, R> Jobs<'_, I, R> {
    /// Does the job for one item after the other, until there are none or nobody wants more.
    pub(crate) fn each(self, mut job: impl FnMut(&I::Item) -> R) {
        while let Some((index, item)) = self.next() {
            let result = catch_unwind(AssertUnwindSafe(|| job(&item)));
            let failed = result.is_err();
            if self.results.send((index, item, result)).is_err() || failed {
                break;
            }
        }
    }

    fn next(&self) -> Option<(usize, I::Item)> {
        let mut feed = self.feed.lock().expect("the items do not panic");
        feed.permits.recv().ok()?;
        feed.items.next()
    }
}

/// Hands `items` to `threads` threads that `serve` them, and what comes of each to `each`, in order.
/// An item is taken when there is a thread for it, and no more than a `window` of them are in work or
/// wait for one before them: they may come from somewhere that lets one wait.
/// `tick` is called whenever one is done, with how many are, and says whether to go on.
///
/// # Errors
/// [`Error::Interrupted`] when `tick` says so, and what `each` returns.
///
/// # Panics
/// As a job does.
pub(crate) fn in_order<I, R>(
    items: I,
    (threads, window): (usize, usize),
    serve: &(impl Fn(Jobs<'_, I, R>) + Sync),
    tick: &mut dyn FnMut(usize) -> bool,
    each: &mut dyn FnMut(I::Item, R) -> Result<(), Error>,
) -> Result<(), Error>
where
    I: Iterator<Item: Send> + Send,
    R: Send,
{
    let (permit, permits) = mpsc::channel();
    let allow = || permit.send(()).expect("the feed has the other end");
    (0..window).for_each(|_| allow());
    let feed = Mutex::new(Feed { items: items.enumerate(), permits });
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..threads {
            let jobs = Jobs { feed: &feed, results: sender.clone() };
            scope.spawn(move || serve(jobs));
        }
        drop(sender);
        // Whoever waits for a permit must hear of an early end: this one goes with the closure.
        let permit = permit;
        let mut waiting = BTreeMap::new();
        let (mut done, mut next) = (0, 0);
        for (index, item, result) in results {
            let result = result.unwrap_or_else(|panic| resume_unwind(panic));
            done += 1;
            let go_on = tick(done);
            waiting.insert(index, (item, result));
            while let Some((item, result)) = waiting.remove(&next) {
                each(item, result)?;
                next += 1;
                // Without a receiver all threads are done.
                let _ = permit.send(());
            }
            if !go_on {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const WINDOW: usize = 24;

    fn squares(
        items: impl Iterator<Item = usize> + Send,
        each: &mut dyn FnMut(usize, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let serve = |jobs: Jobs<'_, _, _>| {
            jobs.each(|&n| {
                assert_ne!(n, 1_000_000, "too much");
                if n % 7 == 0 {
                    thread::sleep(Duration::from_micros(300));
                }
                n * n
            });
        };
        in_order(items, (4, WINDOW), &serve, &mut |_| true, each)
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
    fn a_window_has_room_for_every_thread_and_little_memory() {
        let cases = [
            // Features, pixels of 160 x 160 and of 4096 x 4096.
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

        let serve = |jobs: Jobs<'_, _, _>| jobs.each(|_: &usize| ());
        let mut each = |_, ()| Ok(());
        let interrupted = in_order(0.., (2, WINDOW), &serve, &mut |done| done < 100, &mut each);
        assert!(matches!(interrupted, Err(Error::Interrupted)));

        let panicked = catch_unwind(|| squares(999_990.., &mut |_, _| Ok(())));
        let panic = panicked.unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("too much"));
    }
}
