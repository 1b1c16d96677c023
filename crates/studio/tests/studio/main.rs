//! The studio as its page sees it: what is done to a folder, what it says of it, and what it survives.
//!
//! Pictures come from `crates/cli/assets/fashion-mnist`.

mod actions;
mod learning;
mod safety;
mod support;
mod training;
mod uploads;
