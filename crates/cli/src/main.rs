//! The `headstart` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    headstart_cli::run(std::env::args_os())
}
