//! Learns while pictures are added and removed: one thread reads them, and another fits a head to those that were read.

mod advice;
mod findings;
mod inbox;
mod learn;
mod learned;
mod read;
mod set;
mod store;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use headstart::{Base, CancelToken, ExtractConfig, Extractor, ThreadPool};

use crate::events::Hub;
use crate::folder::Listing;
pub(crate) use findings::{Finding, Findings};
pub(crate) use inbox::InboxItem;
pub(crate) use learned::{Learned, LearnedView};
use set::Copies;
pub(crate) use store::Store;

/// Reads pictures and fits heads, on threads that end when this is dropped.
#[derive(Debug)]
pub(crate) struct Learner {
    work: Arc<Work>,
    threads: Vec<JoinHandle<()>>,
}

/// Called with every new head, and with `None` when there is no head any more.
type OnLearned = dyn Fn(Option<&Learned>) + Send + Sync;

struct Work {
    root: PathBuf,
    base: Base,
    extract: ExtractConfig,
    extractor: Extractor,
    pool: ThreadPool,
    hub: Arc<Hub>,
    store: Store,
    wanted: Mutex<Wanted>,
    changed: Condvar,
    learned: RwLock<Option<Arc<Learned>>>,
    findings: RwLock<Arc<Findings>>,
    /// The groups of copies that the last audit has found.
    copies: RwLock<Arc<Copies>>,
    inbox: RwLock<Arc<Vec<InboxItem>>>,
    /// The view for the page, even if there is no head.
    view: RwLock<LearnedView>,
    on_learned: Box<OnLearned>,
}

/// What to read, and what to fit to.
#[derive(Debug)]
struct Wanted {
    listing: Arc<Listing>,
    revision: u64,
    /// The findings that are set aside.
    kept: HashSet<String>,
    /// Whether there are pictures that were not read yet.
    reading: bool,
    /// Counts the changes that may affect the head.
    changes: u64,
    /// The times of the first and the last change since fitting began.
    since: Option<(Instant, Instant)>,
    over: bool,
    /// Cancels the current fit.
    cancel: CancelToken,
    /// Whether the current work may be cancelled in favour of a new fit.
    can_wait: bool,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Learner {
    /// Starts with the pictures in a folder. `on_learned` is called with every new head, and with `None` when there is
    /// no head any more.
    ///
    /// # Errors
    /// If threads cannot be started.
    pub(crate) fn start(
        root: PathBuf,
        (base, extract): (Base, ExtractConfig),
        (pool, hub): (ThreadPool, Arc<Hub>),
        first: (Arc<Listing>, HashSet<String>),
        on_learned: impl Fn(Option<&Learned>) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let extractor = Extractor::new(&base, &extract);
        let (listing, kept) = first;
        let now = Instant::now();
        let wanted = Wanted {
            listing,
            revision: 1,
            kept,
            reading: true,
            changes: 1,
            since: Some((now, now)),
            over: false,
            cancel: CancelToken::new(),
            can_wait: false,
        };
        let work = Arc::new(Work {
            root,
            base,
            extract,
            extractor,
            pool,
            hub,
            store: Store::default(),
            wanted: Mutex::new(wanted),
            changed: Condvar::new(),
            learned: RwLock::default(),
            findings: RwLock::default(),
            copies: RwLock::default(),
            inbox: RwLock::default(),
            view: RwLock::default(),
            on_learned: Box::new(on_learned),
        });
        let mut learner = Self { work: work.clone(), threads: Vec::new() };
        let spawn = |name: &str, run: fn(&Work)| {
            let work = work.clone();
            thread::Builder::new().name(name.to_owned()).spawn(move || run(&work))
        };
        learner.threads.push(spawn("read", Work::read)?);
        learner.threads.push(spawn("learn", Work::learn)?);
        Ok(learner)
    }

    /// Takes the state of the project at a revision. Older revisions than the current one are ignored.
    pub(crate) fn see(&self, listing: &Arc<Listing>, revision: u64, kept: HashSet<String>) {
        let mut wanted = self.work.wanted();
        if revision <= wanted.revision {
            return;
        }
        wanted.revision = revision;
        wanted.listing = listing.clone();
        wanted.kept = kept;
        wanted.reading = true;
        wanted.changed();
        drop(wanted);
        self.work.changed.notify_all();
    }

    /// The features of pictures that were read.
    pub(crate) fn store(&self) -> &Store {
        &self.work.store
    }

    /// The latest head.
    pub(crate) fn learned(&self) -> Option<Arc<Learned>> {
        self.work.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The view of it for the page; `None` before the first attempt to fit a head.
    pub(crate) fn view(&self) -> Option<LearnedView> {
        let view = self.work.view.read().unwrap_or_else(PoisonError::into_inner);
        (view.revision > 0).then(|| view.clone())
    }

    /// The findings of the last audit.
    pub(crate) fn findings(&self) -> Arc<Findings> {
        self.work.findings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pictures without a class, the most informative first.
    pub(crate) fn inbox(&self) -> Arc<Vec<InboxItem>> {
        self.work.inbox.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        let mut wanted = self.work.wanted();
        wanted.over = true;
        wanted.cancel.cancel();
        drop(wanted);
        self.work.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Wanted {
    fn changed(&mut self) {
        self.changes += 1;
        let now = Instant::now();
        self.since = Some((self.since.map_or(now, |(first, _)| first), now));
        if self.can_wait {
            self.cancel.cancel();
        }
    }

    /// From now on, changes cancel the current work; so do changes that have come already.
    fn let_wait(&mut self) {
        self.can_wait = true;
        // While pictures are being read there are always changes, which are waited for in any case.
        if self.since.is_some() && !self.reading {
            self.cancel.cancel();
        }
    }
}

impl Work {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
