//! Pictures that are damaged or made to harm, and the memory that they take.

#[path = "../support/mod.rs"]
mod support;

mod bombs;
mod mutations;
mod tables;
mod together;

use std::sync::{Mutex, PoisonError};

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Held by the test that measures: what others allocate would count.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What some work gives, and how many bytes more than before were allocated at its peak.
fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = work();
    (result, MEMORY.peak_usage().saturating_sub(before) as u64)
}
