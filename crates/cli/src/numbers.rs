//! Words for values that should be numbers.

use std::error::Error as _;
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};

use clap::Error;
use clap::error::{ContextKind, ErrorKind};

/// Makes the error for a value that is no number, or not in its range, say which number is expected, instead of `invalid
/// digit found in string`. Other errors stay as they are.
pub(crate) fn worded(error: Error) -> Error {
    let context = |kind| error.get(kind).map(ToString::to_string);
    let (Some(option), Some(value)) =
        (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue))
    else {
        return error;
    };
    let Some(expected) = expected(&error, &value) else { return error };
    let message = format!("invalid value '{value}' for '{option}': {expected}");
    Error::raw(
        ErrorKind::ValueValidation,
        format!("{message}\n\nFor more information, try '--help'.\n"),
    )
}

/// What to give instead of a value, if it should be a number.
fn expected(error: &Error, value: &str) -> Option<String> {
    let source = error.source()?;
    if source.is::<ParseFloatError>() {
        return Some("give a number such as 0.1".to_owned());
    }
    let Some(parsing) = source.downcast_ref::<ParseIntError>() else {
        // clap has no type for this error.
        let text = source.to_string();
        return range(text.strip_prefix(value)?.strip_prefix(" is not in ")?);
    };
    let negative = value.strip_prefix('-').is_some_and(|rest| rest.parse::<u64>().is_ok());
    let expected = match parsing.kind() {
        IntErrorKind::PosOverflow => "give a smaller number",
        _ if negative => "give a whole number, 0 or more",
        _ => "give a whole number",
    };
    Some(expected.to_owned())
}

/// Words for a range such as `1..=65535`. An end that only the type sets is left out.
fn range(bounds: &str) -> Option<String> {
    let (first, last) = bounds.split_once("..")?;
    let last = last.trim_start_matches('=');
    let set_by_type = last.is_empty() || last.parse::<u64>().ok()? >= u32::MAX.into();
    Some(match set_by_type {
        true => format!("give a whole number from {first} on"),
        false => format!("give a whole number from {first} to {last}"),
    })
}
