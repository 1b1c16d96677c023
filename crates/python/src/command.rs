//! The `headstart` command of the package.

use std::ffi::OsString;
use std::process::ExitCode;

use pyo3::prelude::*;

/// Runs the command with these arguments, its name first, and returns its exit status. Wrong usage, `--help` and
/// `--version` end the process.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let status = py.detach(|| headstart_cli::run(arguments));
    // A status only tells whether it is the same as another.
    (0..=u8::MAX).find(|&number| ExitCode::from(number) == status).unwrap_or(u8::MAX)
}
