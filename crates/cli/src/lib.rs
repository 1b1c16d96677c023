//! The `headstart` command as a function, called by the binary and by the command of the Python package.
#![forbid(unsafe_code)]

mod args;
mod calibration;
mod commands;
mod given;
mod hints;
mod numbers;
mod options;
mod output;
mod paths;
mod precision;
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

/// Exit status if the work failed, or if it failed for some of the pictures.
const FAILURE: u8 = 1;
/// Exit status for wrong usage, as clap defines it.
const USAGE: u8 = 2;
/// Exit status that a shell reports for a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs the command and returns its exit status. The first of the arguments is the program's name.
///
/// Wrong usage, `--help` and `--version` end the process at once.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    hide_guarded_panics();
    let given: Vec<OsString> = arguments.into_iter().collect();
    let parsed = Arguments::try_parse_from(&given);
    let mut arguments = parsed.unwrap_or_else(|error| numbers::worded(error).exit());
    arguments.common.command_line = given;
    let output = Output::new(arguments.common.json);
    let common = &arguments.common;
    // `bench` shows it itself.
    if !matches!(arguments.command, Command::Bench(_))
        && let Some(advice) = common.advice()
    {
        output.warning(&advice);
    }
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

/// Installs a panic hook that does not print panics which the guard catches.
///
/// A file reader that panics on a damaged file gives an error with its reason. Printing the panic as
/// well would look like a crash.
pub fn hide_guarded_panics() {
    let next = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !headstart_guard::is_guarded() {
            next(info);
        }
    }));
}

/// An error for wrong usage that clap cannot detect.
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

/// The error message on one line, without the numbers of system errors.
fn message(error: &anyhow::Error) -> String {
    // For an interruption, the outermost message is enough.
    let interrupted = matches!(error.downcast_ref(), Some(headstart::Error::Interrupted));
    let message = if interrupted { error.to_string() } else { hints::chain(error) };
    let mut message = message.replace(['\n', '\r'], " ");
    while let Some(start) = message.find(" (os error ") {
        let Some(length) = message[start..].find(')') else { break };
        message.replace_range(start..=start + length, "");
    }
    message
}

/// Whether a reader closed our output, as in `headstart summary | head`. This is not an error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
