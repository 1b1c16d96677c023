//! The `headstart` program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    // Most commands read a network and pack its weights; for a single picture, that is most of the time.
    headstart::engine::prepare_heap();
    headstart_cli::run(std::env::args_os())
}
