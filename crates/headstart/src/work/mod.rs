//! What goes through all long work: who is told how it goes, who may end it, and what it runs on.

mod cancel;
mod context;
mod event;
mod pool;

pub use cancel::CancelToken;
pub use context::Context;
pub use event::{Event, Phase, Stage};
pub use pool::ThreadPool;
