//! Watches for changes that others make to the project's folder.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use crate::studio::Shared;

const EVERY: Duration = Duration::from_secs(1);
/// Every `CLOSELY`-th round also checks whether files were overwritten, which takes longer.
const CLOSELY: u32 = 10;

/// A thread that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Watch(#[allow(dead_code)] Sender<()>);

impl Watch {
    pub(crate) fn start(shared: &Arc<Shared>) -> Self {
        let (over, is_over) = channel::<()>();
        let shared = Arc::downgrade(shared);
        let watch = move || {
            for round in 1_u32.. {
                if is_over.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                let Some(shared) = Weak::upgrade(&shared) else { return };
                if round == 1 {
                    shared.thumbnails.prune();
                }
                if shared.project.look(round.is_multiple_of(CLOSELY)) {
                    shared.changed();
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("watch".to_owned()).spawn(watch) {
            tracing::error!(%error, "what others do to the folder is not seen");
        }
        Self(over)
    }
}
