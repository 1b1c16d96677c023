//! What learns while pictures come and go: a thread that reads them, and one that fits a head to what was read.

mod advice;
mod findings;
mod inbox;
mod learned;
mod set;
mod store;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use headstart::data::Location;
use headstart::{
    AuditConfig, Base, CancelToken, Classifier, Context, Duplicates, Event, ExtractConfig,
    Extractor, FitConfig, ThreadPool, UnknownRate, audit_extracted,
};
use serde_json::json;

use crate::events::Hub;
use crate::folder::{Listing, Stamp};
pub(crate) use findings::{Finding, Findings};
pub(crate) use inbox::InboxItem;
pub(crate) use learned::{Learned, LearnedView};
use set::Copies;
pub(crate) use store::Store;

/// Pictures that are read between two looks at what else is to be read.
const BATCH: usize = 64;
/// How long nothing has changed before something is learned: several things are often done at once.
const QUIET: Duration = Duration::from_millis(120);
/// How long something may go on changing until something is learned nevertheless.
const LONGEST_WAIT: Duration = Duration::from_millis(600);
/// While pictures are read, something is learned when so much time has passed since, and a few times as
/// much as it took.
const WHILE_READING: (Duration, u32) = (Duration::from_secs(3), 5);
/// Up to so many pictures copies are looked for before the first figures are told, so that they do not measure each
/// other; later, and of more, those count that the last audit has found.
const FEW: usize = 1_000;
/// How often it is told how far reading is.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Reads pictures and learns from them, on threads that end when this is dropped.
#[derive(Debug)]
pub(crate) struct Learner {
    work: Arc<Work>,
    threads: Vec<JoinHandle<()>>,
}

/// Is told of every head, and when there is none any more.
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
    /// What belongs together: copies, as the last audit has found them.
    copies: RwLock<Arc<Copies>>,
    inbox: RwLock<Arc<Vec<InboxItem>>>,
    /// What is told of what was learned, when nothing was, too.
    view: RwLock<LearnedView>,
    on_learned: Box<OnLearned>,
}

/// What is to be read and learned from.
#[derive(Debug)]
struct Wanted {
    listing: Arc<Listing>,
    revision: u64,
    /// Findings that are set aside.
    kept: HashSet<String>,
    /// Whether there are pictures that were not read yet.
    reading: bool,
    /// Counts what may change what is learned.
    changes: u64,
    /// When the first and the last of these changes were, of those that nothing was learned from.
    since: Option<(Instant, Instant)>,
    over: bool,
    /// Ends what is being learned.
    cancel: CancelToken,
    /// Whether what is being done now may wait until something else is learned.
    can_wait: bool,
}

/// What is to be learned from now.
struct Asked {
    listing: Arc<Listing>,
    revision: u64,
    kept: HashSet<String>,
    cancel: CancelToken,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Learner {
    /// Begins with what lies in a folder. `on_learned` is told of every head, and when there is none any more.
    ///
    /// # Errors
    /// When there are no threads.
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

    /// Takes heed of how the project is now.
    pub(crate) fn see(&self, listing: &Arc<Listing>, revision: u64, kept: HashSet<String>) {
        let mut wanted = self.work.wanted();
        if wanted.revision == revision {
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

    /// What is known of pictures.
    pub(crate) fn store(&self) -> &Store {
        &self.work.store
    }

    /// What was learned last.
    pub(crate) fn learned(&self) -> Option<Arc<Learned>> {
        self.work.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as the page has it; nothing before the first look.
    pub(crate) fn view(&self) -> Option<LearnedView> {
        let view = self.work.view.read().unwrap_or_else(PoisonError::into_inner);
        (view.revision > 0).then(|| view.clone())
    }

    /// What was found.
    pub(crate) fn findings(&self) -> Arc<Findings> {
        self.work.findings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Pictures without a class, those first that would teach the most.
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
}

impl Work {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what nothing is known of, until all is over.
    fn read(&self) {
        let mut queue: Vec<(Stamp, Arc<str>)> = Vec::new();
        let mut of_revision = 0;
        loop {
            let mut wanted = self.wanted();
            while !wanted.over && wanted.revision == of_revision && queue.is_empty() {
                wanted = self.changed.wait(wanted).unwrap_or_else(PoisonError::into_inner);
            }
            if wanted.over {
                return;
            }
            let (listing, revision) = (wanted.listing.clone(), wanted.revision);
            drop(wanted);
            if revision != of_revision {
                self.store.forget_all_but(&listing);
                queue = self.store.unknown_of(&listing);
                queue.reverse();
                of_revision = revision;
            }
            let batch = queue.split_off(queue.len().saturating_sub(BATCH));
            if !batch.is_empty() {
                self.read_batch(&batch, queue.len(), &listing);
            }
            let mut wanted = self.wanted();
            if queue.is_empty() && wanted.revision == of_revision {
                wanted.reading = false;
            }
            if !batch.is_empty() || !wanted.reading {
                wanted.changed();
            }
            drop(wanted);
            self.changed.notify_all();
        }
    }

    fn read_batch(&self, batch: &[(Stamp, Arc<str>)], more: usize, listing: &Listing) {
        let batch: Vec<&(Stamp, Arc<str>)> = batch.iter().rev().collect();
        let at: Vec<Location> =
            batch.iter().map(|(_, path)| self.root.join(&**path).into()).collect();
        let total = listing.labelled() + listing.inbox.len();
        let before = total.saturating_sub(more + batch.len());
        let mut told = Instant::now();
        let tell = |event: Event| {
            if let Event::Pictures { done, .. } = event
                && told.elapsed() >= TELL_EVERY
            {
                told = Instant::now();
                self.tell_progress(before + done, total);
            }
        };
        let mut context = Context::default().with_pool(self.pool.clone()).on_event(tell);
        let mut read = Vec::with_capacity(batch.len());
        let done = self.extractor.for_each(&at, &mut context, &mut |index, result| {
            read.push((batch[index].0, result.map(Arc::new)));
            Ok(())
        });
        if let Err(error) = done {
            self.hub.problem(&error.to_string());
        }
        drop(context);
        self.store.put(read);
        if more == 0 {
            self.tell_progress(total, total);
        }
    }

    fn tell_progress(&self, done: usize, total: usize) {
        let progress = json!({ "stage": "Reading pictures", "done": done, "total": total });
        self.hub.tell("progress", &progress);
    }

    /// Learns when something has changed, until all is over: first a head, and then, unless something else has
    /// changed meanwhile, what takes longer.
    fn learn(&self) {
        let (mut last, mut took) = (None::<Instant>, Duration::ZERO);
        let (mut learned_from, mut looked_through) = (None, None);
        while let Some(asked) = self.next(last, took) {
            let Asked { listing, revision, cancel, .. } = &asked;
            let begun = Instant::now();
            let mut context = Context::default().with_pool(self.pool.clone());
            context = context.with_cancel_token(cancel.clone());
            let of = set::fingerprint(listing, &self.store);
            let is_reading = self.wanted().reading;
            if learned_from != Some(of) {
                // Copies must not measure each other. Those of an audit are known; before the first, there
                // is time to look where there are few pictures.
                let is_first = looked_through.is_none() && !is_reading;
                let is_few = listing.labelled() <= FEW;
                let duplicates =
                    if is_first && is_few { Duplicates::Near } else { Duplicates::Exact };
                let how = (duplicates, UnknownRate::NEVER);
                if self.fit(listing, (*revision, begun), how, &mut context) {
                    learned_from = Some(of);
                    (last, took) = (Some(Instant::now()), begun.elapsed());
                }
            }
            self.tell_learned(&asked);
            // From here on, what has changed meanwhile comes first.
            self.wanted().can_wait = true;
            self.sort_inbox(listing, cancel);
            self.tell_learned(&asked);
            if is_reading || looked_through == Some(of) || !self.audit(listing, &mut context) {
                continue;
            }
            self.tell_learned(&asked);
            self.hub.tell("findings", &json!({ "revision": revision }));
            // What unknown pictures are told by takes longer than the head, whose figures are now without copies.
            let how = (Duplicates::Exact, UnknownRate::default());
            if self.fit(listing, (*revision, Instant::now()), how, &mut context) {
                looked_through = Some(of);
                self.sort_inbox(listing, cancel);
                self.tell_learned(&asked);
            }
        }
    }

    /// Says what to do next, and that there is something new.
    fn tell_learned(&self, Asked { listing, revision, kept, .. }: &Asked) {
        self.advise(listing, *revision, kept);
        self.hub.tell("learned", &json!({ "revision": revision }));
    }

    fn copies(&self) -> Arc<Copies> {
        self.copies.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn sort_inbox(&self, listing: &Listing, cancel: &CancelToken) {
        let head = self.learned.read().unwrap_or_else(PoisonError::into_inner).clone();
        let head = head.as_deref().map(Learned::head);
        let mut go_on = || !cancel.is_cancelled();
        let sort = || inbox::sorted(listing, &self.store, head, &mut go_on);
        if let Some(sorted) = self.pool.install(sort) {
            *self.inbox.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sorted);
        }
    }

    /// Waits until there is something to learn from.
    fn next(&self, last: Option<Instant>, took: Duration) -> Option<Asked> {
        let mut wanted = self.wanted();
        loop {
            if wanted.over {
                return None;
            }
            let now = Instant::now();
            let wait = match wanted.since {
                None => Duration::from_secs(3600),
                Some((first, latest)) => {
                    let quiet = (latest + QUIET).min(first + LONGEST_WAIT);
                    let (least, times) = WHILE_READING;
                    let pause = least.max(took * times);
                    // The first is soon, if there is much to read.
                    let unhurried = last.map_or(first + least / 2, |last| last + pause);
                    let due = if wanted.reading { unhurried.max(quiet) } else { quiet };
                    due.saturating_duration_since(now)
                }
            };
            if wait.is_zero() {
                wanted.since = None;
                wanted.cancel = CancelToken::new();
                wanted.can_wait = false;
                let Wanted { listing, revision, kept, cancel, .. } = &*wanted;
                return Some(Asked {
                    listing: listing.clone(),
                    revision: *revision,
                    kept: kept.clone(),
                    cancel: cancel.clone(),
                });
            }
            let waited = self.changed.wait_timeout(wanted, wait);
            wanted = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Fits a head to what was read. Says whether this is done, whatever came of it.
    fn fit(
        &self,
        listing: &Listing,
        (revision, begun): (u64, Instant),
        (duplicates, unknown_rate): (Duplicates, UnknownRate),
        context: &mut Context<'_>,
    ) -> bool {
        let set = set::Set::gather(&self.root, listing, &self.store, &self.copies(), false);
        let nothing = |why: String| {
            (self.on_learned)(None);
            *self.learned.write().unwrap_or_else(PoisonError::into_inner) = None;
            let view = LearnedView { revision, why: Some(why), ..LearnedView::default() };
            *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
            true
        };
        let Ok(pictures) = set.pictures else {
            let why = "Nothing is learned yet: it takes two classes with pictures.";
            return nothing(why.to_owned());
        };
        let pictures = pictures.with_duplicates(duplicates);
        let config =
            FitConfig::default().with_extract(self.extract.clone()).with_unknown_rate(unknown_rate);
        let fitted = Classifier::fit_extracted(
            self.base.clone(),
            &pictures,
            set.extraction,
            &config,
            context,
        );
        match fitted {
            Ok((classifier, report)) => {
                let seconds = begun.elapsed().as_secs_f64();
                let view = LearnedView::new(&self.root, &classifier, &report, (revision, seconds));
                let answers = report.out_of_fold.map(|figures| figures.answers);
                let learned = Arc::new(Learned { classifier, answers, view: view.clone() });
                (self.on_learned)(Some(&learned));
                *self.learned.write().unwrap_or_else(PoisonError::into_inner) = Some(learned);
                *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
                true
            }
            Err(headstart::Error::Interrupted) => false,
            Err(error) => {
                tracing::warn!(%error, "nothing can be learned");
                nothing(error.to_string())
            }
        }
    }

    /// Looks for what is wrong with the pictures. Says whether this is done.
    fn audit(&self, listing: &Listing, context: &mut Context<'_>) -> bool {
        let set = set::Set::gather(&self.root, listing, &self.store, &Copies::default(), true);
        let (findings, copies) = match set.pictures {
            Err(_) => (Findings::default(), Copies::default()),
            Ok(pictures) => {
                let config = AuditConfig::default().with_extract(self.extract.clone());
                let audit =
                    audit_extracted(&self.base, &pictures, set.extraction, &config, context);
                match audit {
                    Ok(audit) => (
                        Findings::of(&self.root, listing, &audit),
                        set::copies(&self.root, listing, &audit),
                    ),
                    Err(headstart::Error::Interrupted) => return false,
                    Err(error) => {
                        tracing::debug!(%error, "nothing is looked for");
                        (Findings::default(), Copies::default())
                    }
                }
            }
        };
        *self.findings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(findings);
        if copies != *self.copies() {
            *self.copies.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(copies);
        }
        true
    }

    /// Says what to do next.
    fn advise(&self, listing: &Listing, revision: u64, kept: &HashSet<String>) {
        let unreadable = listing
            .all()
            .filter(|(_, picture)| matches!(self.store.get(&picture.stamp), Some(Err(_))));
        let findings = self.findings.read().unwrap_or_else(PoisonError::into_inner).count(kept);
        let unreadable = unreadable.count();
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let learned = (view.revision > 0).then(|| view.clone());
        let known = advice::Known { listing, learned: learned.as_ref(), findings, unreadable };
        view.advice = advice::advice(&known);
        view.revision = revision;
    }
}
