//! The `headstart` command, as a function: the program calls it, and so does the one of the Python package.
#![forbid(unsafe_code)]

mod args;
mod calibration;
mod commands;
mod given;
mod hints;
mod options;
mod output;
mod paths;
mod progress;
mod sources;
mod written;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Arguments, Command};
use output::Output;

/// Some of the pictures, or whatever was asked for, failed.
const FAILURE: u8 = 1;
/// As clap has it for wrong usage.
const USAGE: u8 = 2;
/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Runs the command with these arguments, the first of which is its name, and returns its exit status.
/// Wrong usage, `--help` and `--version` end the process at once.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    hide_guarded_panics();
    let given: Vec<OsString> = arguments.into_iter().collect();
    let mut arguments = Arguments::parse_from(&given);
    arguments.common.command_line = given;
    let output = Output::new(arguments.common.json);
    let common = &arguments.common;
    let result = match &arguments.command {
        Command::Train(args) => commands::train::run(args, common, &output),
        Command::FineTune(args) => commands::fine_tune::run(args, common, &output),
        Command::LrFind(args) => commands::lr_find::run(args, common, &output),
        Command::Predict(args) => commands::predict::run(args, common, &output),
        Command::Explain(args) => commands::explain::run(args, common, &output),
        Command::Evaluate(args) => commands::evaluate::run(args, common, &output),
        Command::Calibrate(args) => commands::calibrate::run(args, common, &output),
        Command::Audit(args) => commands::audit::run(args, common, &output),
        Command::Features(args) => commands::features::run(args, common, &output),
        Command::Summary(args) => commands::summary::run(args, &output),
        Command::Import(args) => commands::import::run(args, &output),
        #[cfg(feature = "export")]
        Command::Export(args) => commands::export::run(args, common, &output),
        #[cfg(feature = "serve")]
        Command::Serve(args) => commands::serve::run(args, common, &output),
        #[cfg(feature = "studio")]
        Command::Studio(args) => commands::studio::run(args, common, &output),
        Command::Bases(args) => commands::bases::run(args, &output),
        Command::Bench(args) => commands::bench::run(args, common, &output),
        Command::Cache(args) => commands::cache::run(args, common, &output),
        Command::Demo(args) => commands::demo::run(args, common, &output),
        Command::Completions(args) => commands::completions::run(args),
        Command::Man(args) => commands::completions::man(args),
    };
    match result {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(wrong_usage) = error.downcast_ref::<clap::Error>() {
                wrong_usage.exit();
            }
            output.error(&message(&error));
            ExitCode::from(status(&error))
        }
    }
}

/// A reader that gives up on a damaged file becomes an error with its reason; the panic in between
/// would look like a crash.
pub fn hide_guarded_panics() {
    let next = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !headstart_guard::is_guarded() {
            next(info);
        }
    }));
}

/// The error for options that make no sense in a way that clap alone cannot see.
fn usage(message: impl std::fmt::Display) -> anyhow::Error {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{message}\n")).into()
}

/// The exit status for an error.
fn status(error: &anyhow::Error) -> u8 {
    use headstart::ErrorKind;
    let own = error.downcast_ref::<headstart::Error>().map(headstart::Error::kind);
    let kind = own.or_else(|| Some(error.downcast_ref::<headstart::model::ModelError>()?.kind()));
    match kind {
        Some(ErrorKind::Interrupted) => INTERRUPTED,
        Some(ErrorKind::InvalidName) => USAGE,
        _ => FAILURE,
    }
}

/// One line, without the numbers that operating systems give their errors.
fn message(error: &anyhow::Error) -> String {
    // Of an interruption the outermost says all.
    let interrupted = matches!(error.downcast_ref(), Some(headstart::Error::Interrupted));
    let message = if interrupted { error.to_string() } else { hints::chain(error) };
    let mut message = message.replace(['\n', '\r'], " ");
    while let Some(start) = message.find(" (os error ") {
        let Some(length) = message[start..].find(')') else { break };
        message.replace_range(start..=start + length, "");
    }
    message
}

/// Whoever read our output has seen enough, as in `headstart summary | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
