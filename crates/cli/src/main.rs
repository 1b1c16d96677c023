//! The `headstart` command.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod output;
mod progress;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use output::Output;

/// Some of the pictures, or whatever was asked for, failed.
const FAILURE: u8 = 1;
/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.common.json);
    let common = &arguments.common;
    let result = match &arguments.command {
        Command::Train(args) => commands::train::run(args, common, &output),
        Command::Predict(args) => commands::predict::run(args, common, &output),
        Command::Evaluate(args) => commands::evaluate::run(args, common, &output),
        Command::Features(args) => commands::features::run(args, common, &output),
        Command::Summary(args) => commands::summary::run(args, &output),
        Command::Import(args) => commands::import::run(args, &output),
        Command::Bases => commands::bases::run(&output),
        Command::Cache(args) => commands::cache::run(args, common, &output),
        Command::Demo(args) => commands::demo::run(args, common, &output),
    };
    match result {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let interrupted = matches!(error.downcast_ref(), Some(headstart::Error::Interrupted));
            let message = format!("{error:#}").replace('\n', " ");
            output.error(&message);
            ExitCode::from(if interrupted { INTERRUPTED } else { FAILURE })
        }
    }
}

/// Whoever read our output has seen enough, as in `headstart summary | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
