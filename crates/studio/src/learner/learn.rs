//! The thread that fits heads to the pictures that were read.

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

/// How long nothing may have changed before fitting begins, since several changes often come together.
const QUIET: Duration = Duration::from_millis(120);
/// The longest time that changes can delay fitting.
const LONGEST_WAIT: Duration = Duration::from_millis(600);
/// While pictures are being read, the least time between two fits, and the least multiple of the time that the last fit
/// took.
const WHILE_READING: (Duration, u32) = (Duration::from_secs(3), 5);
/// Up to this many pictures, copies are searched for before the first figures, so that copies do not measure each
/// other. With more pictures, and later, the copies of the last audit are used.
const FEW: usize = 1_000;

/// What to fit to, at a revision.
struct Asked {
    listing: Arc<Listing>,
    revision: u64,
    kept: HashSet<String>,
    cancel: CancelToken,
}

/// What was done before, identified by the fingerprint of its pictures.
#[derive(Default)]
struct Before {
    learned_from: Option<u64>,
    looked_through: Option<u64>,
    /// When the last fit ended, and how long it took.
    last: Option<Instant>,
    took: Duration,
}

impl Work {
    /// Fits whenever something has changed, until the studio ends. A panic ends only the current fit, and is reported.
    pub(super) fn learn(&self) {
        let mut before = Before::default();
        while let Some(asked) = self.next(before.last, before.took) {
            if let Err(problem) = guarded(|| self.learn_from(&asked, &mut before)) {
                self.hub.problem(&StudioError::Fault { problem }.to_string());
            }
        }
    }

    /// First fits a head, and then does what takes longer, unless something has changed meanwhile.
    fn learn_from(&self, asked: &Asked, before: &mut Before) {
        let Asked { listing, revision, cancel, .. } = asked;
        let begun = Instant::now();
        let mut context = Context::default().with_pool(self.pool.clone());
        context = context.with_cancel_token(cancel.clone());
        let of = set::fingerprint(listing, &self.store);
        let is_reading = self.wanted().reading;
        if before.learned_from != Some(of) {
            // Copies must not measure each other. After an audit they are known; before the first one, there is time to
            // search for them if there are few pictures.
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
        // Detection of unknown pictures takes longer than the head. The figures of this fit exclude copies.
        let how = (Duplicates::Exact, UnknownRate::default());
        if self.fit(listing, (*revision, Instant::now()), how, &mut context) {
            before.looked_through = Some(of);
            self.sort_inbox(listing, cancel);
            self.tell_learned(asked);
        }
    }

    /// Updates the advice, and reports that there is something new.
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

    /// Waits until there is something to fit to; `None` at the end of the studio.
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
                    // The first fit is early if there is much to read.
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

    /// Fits a head to the pictures that were read. Returns whether this is done, with or without success.
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

    /// Audits the pictures. Returns whether this is done.
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

    /// Updates the advice.
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
