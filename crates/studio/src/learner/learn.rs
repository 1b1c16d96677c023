//! The thread that learns from what was read.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use headstart::data::decode::guarded;
use headstart::{
    AuditConfig, CancelToken, Classifier, Context, Duplicates, FitConfig, UnknownRate,
    audit_extracted,
};
use serde_json::json;

use super::set::{self, Copies};
use super::{Findings, Learned, LearnedView, Wanted, Work, advice, inbox};
use crate::StudioError;
use crate::folder::Listing;

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

/// What is to be learned from now.
struct Asked {
    listing: Arc<Listing>,
    revision: u64,
    kept: HashSet<String>,
    cancel: CancelToken,
}

/// What was done before, by what it was learned from.
#[derive(Default)]
struct Before {
    learned_from: Option<u64>,
    looked_through: Option<u64>,
    /// When something was learned last, and how long that took.
    last: Option<Instant>,
    took: Duration,
}

impl Work {
    /// Learns when something has changed, until all is over. A fault ends what is learned then, and is told of.
    pub(super) fn learn(&self) {
        let mut before = Before::default();
        while let Some(asked) = self.next(before.last, before.took) {
            if let Err(problem) = guarded(|| self.learn_from(&asked, &mut before)) {
                self.hub.problem(&StudioError::Fault { problem }.to_string());
            }
        }
    }

    /// First a head, and then, unless something else has changed meanwhile, what takes longer.
    fn learn_from(&self, asked: &Asked, before: &mut Before) {
        let Asked { listing, revision, cancel, .. } = asked;
        let begun = Instant::now();
        let mut context = Context::default().with_pool(self.pool.clone());
        context = context.with_cancel_token(cancel.clone());
        let of = set::fingerprint(listing, &self.store);
        let is_reading = self.wanted().reading;
        if before.learned_from != Some(of) {
            // Copies must not measure each other. Those of an audit are known; before the first, there
            // is time to look where there are few pictures.
            let is_first = before.looked_through.is_none() && !is_reading;
            let is_few = listing.labelled() <= FEW;
            let duplicates = if is_first && is_few { Duplicates::Near } else { Duplicates::Exact };
            let how = (duplicates, UnknownRate::NEVER);
            if self.fit(listing, (*revision, begun), how, &mut context) {
                before.learned_from = Some(of);
                (before.last, before.took) = (Some(Instant::now()), begun.elapsed());
            }
        }
        self.tell_learned(asked);
        self.wanted().let_wait();
        self.sort_inbox(listing, cancel);
        self.tell_learned(asked);
        if is_reading || before.looked_through == Some(of) || !self.audit(listing, &mut context) {
            return;
        }
        self.tell_learned(asked);
        self.hub.tell("findings", &json!({ "revision": revision }));
        // What unknown pictures are told by takes longer than the head, whose figures are now without copies.
        let how = (Duplicates::Exact, UnknownRate::default());
        if self.fit(listing, (*revision, Instant::now()), how, &mut context) {
            before.looked_through = Some(of);
            self.sort_inbox(listing, cancel);
            self.tell_learned(asked);
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
        let findings =
            self.findings.read().unwrap_or_else(PoisonError::into_inner).count(listing, kept);
        let unreadable = unreadable.count();
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let learned = (view.revision > 0).then(|| view.clone());
        let known = advice::Known { listing, learned: learned.as_ref(), findings, unreadable };
        view.advice = advice::advice(&known);
        view.revision = revision;
    }
}
