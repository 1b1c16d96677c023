//! The server as a client sees it: what it answers, what it refuses, and what it withstands.
//!
//! Pictures come from `crates/cli/assets/fashion-mnist`; requests of other programs' clients are in
//! `fixtures/`, recorded by `tools/reference/serving.py`.

mod access;
mod connections;
mod hostile;
mod models;
mod pages;
mod predict;
mod stop;
mod support;
mod tfserving;
mod uploads;
mod v2;
