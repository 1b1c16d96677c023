//! `headstart cache`.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};
use headstart::data::cache;
use serde_json::json;

use crate::options::Common;
use crate::output::{Output, bytes, count};

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say where the cache is and how much it holds
    Info,
    /// Delete everything that it holds
    Clear,
}

pub(crate) fn run(args: &CacheArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let root =
        common.cache_root().context("there is no cache folder; name one with --cache-dir")?;
    let path = root.display().to_string();
    let failed = || format!("{path}: the cache cannot be used");
    match args.action {
        Action::Info => {
            let info = cache::info(&root).with_context(failed)?;
            output.event(&json!({
                "path": path,
                "bases": info.namespaces,
                "entries": info.entries,
                "bytes": info.bytes,
            }))?;
            output.field("Cache", &path)?;
            let held = format!(
                "the features of {} with {}, {}",
                count(info.entries as usize, "picture"),
                count(info.namespaces, "base"),
                bytes(info.bytes)
            );
            output.field("Holds", held)?;
        }
        Action::Clear => {
            let freed = cache::clear(&root).with_context(failed)?;
            output.event(&json!({"path": path, "freed_bytes": freed}))?;
            output.field("Cleared", format!("{path}, {} freed", bytes(freed)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
