//! The thread that reads pictures.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use headstart::data::Location;
use headstart::data::decode::guarded;
use headstart::{Context, Event};
use serde_json::json;

use super::Work;
use crate::StudioError;
use crate::folder::{Listing, Stamp};

/// The number of pictures that are read before checking for other work.
const BATCH: usize = 64;
/// The interval between reports of progress.
const TELL_EVERY: Duration = Duration::from_millis(100);

impl Work {
    /// Reads the pictures that were not read yet, until the studio ends.
    pub(super) fn read(&self) {
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
                let read = guarded(|| self.read_batch(&batch, queue.len(), &listing));
                if let Err(problem) = read {
                    self.hub.problem(&StudioError::Fault { problem }.to_string());
                }
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
}
