//! Tests of the studio through its API: actions on a folder, what the studio reports, and recovery from failures.
//!
//! The pictures are from `crates/cli/assets/fashion-mnist`.

mod actions;
mod learning;
mod safety;
mod support;
mod training;
mod uploads;
