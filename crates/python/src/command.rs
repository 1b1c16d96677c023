//! The `headstart` command of the package.

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// Runs the command with these arguments, the first of which is its name, and returns its exit status. Wrong usage,
/// `--help` and `--version` end the process.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let status = py.detach(|| headstart_cli::run(arguments));
    // An exit code can only be compared for equality.
    (0..=u8::MAX).find(|&number| ExitCode::from(number) == status).unwrap_or(u8::MAX)
}
