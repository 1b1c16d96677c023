//! Other people's code, run on whatever bytes lie in a file.
#![forbid(unsafe_code)]

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a reader of files; the first line of what it said when it panicked is an error. Nothing that
/// it touched may be used after that. What this cannot catch: a stack that overflows, and memory that
/// runs out.
///
/// The process is left as it is: its panic hook still sees the panic, and can tell it by
/// [`is_guarded`].
///
/// # Errors
/// What a panic said.
pub fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let before = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(before);
    result.map_err(|payload| message(&*payload).to_owned())
}

/// Whether a panic of this thread is caught here and becomes an error: there is no need for a panic
/// hook to show it.
pub fn is_guarded() -> bool {
    // A thread that is ending has no such variable any more.
    GUARDED.try_with(Cell::get).unwrap_or(false)
}

/// The first line of what a panic said.
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
