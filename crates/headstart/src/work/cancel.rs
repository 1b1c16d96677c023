//! Cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Cancels work cleanly, from any thread. A clone is the same token.
///
/// Work checks it between pictures, while comparing pictures and between training steps. It then returns
/// [`Error::Interrupted`](crate::Error::Interrupted), or [`Error::Saved`](crate::Error::Saved) if there is a checkpoint
/// to resume from.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels all current and later work with this token.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the token was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
