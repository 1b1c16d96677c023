//! One file per command: its arguments and what it does.

pub(crate) mod audit;
pub(crate) mod bases;
pub(crate) mod bench;
pub(crate) mod cache;
pub(crate) mod calibrate;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod evaluate;
pub(crate) mod explain;
#[cfg(feature = "export")]
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod fine_tune;
pub(crate) mod import;
pub(crate) mod lr_find;
mod page;
pub(crate) mod predict;
mod report;
#[cfg(feature = "serve")]
pub(crate) mod serve;
#[cfg(feature = "studio")]
pub(crate) mod studio;
pub(crate) mod summary;
pub(crate) mod train;
mod tuning;
