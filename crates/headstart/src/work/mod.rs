//! Progress, cancellation and threads of long-running work.

mod cancel;
mod context;
mod event;
mod pool;

pub use cancel::CancelToken;
pub use context::Context;
pub use event::{Event, Phase, Stage};
pub use pool::ThreadPool;
