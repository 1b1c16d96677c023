//! Asking work to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends work in good order, from any thread. A clone is the same token.
///
/// Work looks at it between pictures, while pictures are compared and between steps of training, and
/// then ends with [`Error::Interrupted`](crate::Error::Interrupted), or with
/// [`Error::Saved`](crate::Error::Saved) where there is a checkpoint to go on from.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks all work that has this token to end, now and later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
