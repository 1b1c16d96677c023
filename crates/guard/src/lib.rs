//! Protection against panics of third-party code on untrusted files.
#![forbid(unsafe_code)]

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a reader of files, converting a panic to an error with the first line of its message. Nothing it modified may
/// be used after a panic. Stack overflow and memory exhaustion cannot be caught.
///
/// The process is unaffected: its panic hook still sees the panic, and can recognise it by [`is_guarded`].
///
/// # Errors
/// The message of a panic.
pub fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let before = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(before);
    result.map_err(|payload| message(&*payload).to_owned())
}

/// Whether a panic of this thread is caught here and becomes an error, so that a panic hook need not print it.
pub fn is_guarded() -> bool {
    // The variable no longer exists in a thread that is ending.
    GUARDED.try_with(Cell::get).unwrap_or(false)
}

/// The first line of a panic's message.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.and_then(|text| text.lines().next()).unwrap_or("without a reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_one_line_and_others_are_left_alone() {
        let at = |n: usize| guarded(|| [1, 2, 3][n]);
        assert_eq!(at(2), Ok(3));
        let error = at(std::hint::black_box(3)).unwrap_err();
        assert!(error.starts_with("index out of bounds") && !error.contains('\n'), "{error}");
        assert_eq!(guarded::<()>(|| panic!("two\nlines")), Err("two".to_owned()));
        assert_eq!(
            guarded(|| (is_guarded(), guarded(is_guarded), is_guarded())),
            Ok((true, Ok(true), true))
        );
        assert!(!is_guarded(), "a later panic of this thread is shown");
    }
}
