//! Damaged and malicious pictures, and their memory usage.

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

/// Held by the running test: allocations of others would be counted.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs some work; returns its result, and the peak of allocated bytes above the initial level.
fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = work();
    (result, MEMORY.peak_usage().saturating_sub(before) as u64)
}
