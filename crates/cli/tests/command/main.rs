//! Runs the `headstart` binary as a user does, and checks output, exit status, and the files that are left.
//!
//! Pictures come from `crates/cli/assets/fashion-mnist`, weight files from `fixtures/`, which the
//! scripts in `tools/reference/` made.

mod audit;
mod bad_input;
mod bases;
mod bench;
mod browser;
mod completions;
mod containers;
mod demo;
mod evaluate;
mod explain;
mod export;
mod features;
mod fine_tune;
mod from_features;
mod import;
mod interrupt;
mod joined;
mod listing;
mod lr_find;
mod multi_label;
mod predict;
mod report;
mod resume;
#[cfg(all(feature = "serve", unix))]
mod serve;
mod sources;
#[cfg(all(feature = "studio", unix))]
mod studio;
mod summary;
mod support;
mod train;
mod trust;
mod unhappy;
mod usage;
