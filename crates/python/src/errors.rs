//! Converts the library's errors to exceptions.

use std::error::Error as _;

use headstart::{Error, ErrorKind};
use pyo3::exceptions::{PyKeyboardInterrupt, PyTypeError};
use pyo3::prelude::*;

/// The exception for an error.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    of_kind(py, error.kind(), &message(error))
}

/// The exception for this kind of error, with a one-line message.
pub(crate) fn of_kind(py: Python<'_>, kind: ErrorKind, message: &str) -> PyErr {
    if kind == ErrorKind::Interrupted {
        return PyKeyboardInterrupt::new_err(message.to_owned());
    }
    // That module has the table from kinds to classes.
    let made = py
        .import("headstart._errors")
        .and_then(|module| module.call_method1("of_kind", (name(kind), message)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// The exception for an invalid value.
pub(crate) fn invalid(py: Python<'_>, message: &str) -> PyErr {
    of_kind(py, ErrorKind::InvalidInput, message)
}

/// The exception for a value of an unsupported type.
pub(crate) fn wrong_type(message: String) -> PyErr {
    PyTypeError::new_err(message)
}

/// An error and its causes, in one line.
fn message(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason =
            error.downcast_ref().map_or_else(|| error.to_string(), headstart::system_reason);
        text += &format!(": {reason}");
        cause = error.source();
    }
    text.replace(['\n', '\r'], " ")
}

/// The kind's name in programs: `not_found`.
fn name(kind: ErrorKind) -> String {
    let name = serde_json::to_value(kind).expect("a name serialises");
    name.as_str().expect("it is a text").to_owned()
}
