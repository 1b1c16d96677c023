//! Decoders are other people's code, run here on whatever bytes lie in a folder.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::{DecodeError, Format};

thread_local! {
    /// Whether a panic of this thread is caught here and becomes an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder and turns a panic of its into [`DecodeError::Damaged`].
///
/// One broken file among a million must not end a run of hours, and a decoder that meets bytes
/// that it did not expect may index out of bounds. Nothing that the decoder touched is used
/// afterwards. What this cannot catch: a stack that overflows, and memory that runs out. Where our own
/// decoder panics, fuzzing shall see it.
pub(crate) fn caught<T>(
    format: Format,
    decode: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    if cfg!(fuzzing) && format == Format::Jpeg {
        return decode();
    }
    guarded(decode).unwrap_or_else(|said| {
        let detail = format!("its decoder gave up ({said})");
        Err(DecodeError::Damaged { format, detail })
    })
}

/// Runs other people's code; the first line of what it said when it panicked is an error. Nothing
/// that it touched may be used after that.
pub fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    quieten();
    let before = CAUGHT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    CAUGHT.set(before);
    result.map_err(|payload| message(&*payload).to_owned())
}

/// Lets the hook that is in place see every panic but those caught here: the file is reported
/// with its reason, and a backtrace on the terminal would look like a crash.
fn quieten() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // A thread that is ending has no such variable any more.
            if !CAUGHT.try_with(Cell::get).unwrap_or(false) {
                next(info);
            }
        }));
    });
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
    fn a_panic_of_a_decoder_is_a_damaged_picture_and_others_are_left_alone() {
        let decode = |n: usize| caught(Format::Tiff, || Ok([1, 2, 3][n]));
        assert_eq!(decode(2).unwrap(), 3);
        let error = decode(std::hint::black_box(3)).unwrap_err().to_string();
        let says = "damaged TIFF: its decoder gave up (index out of bounds";
        assert!(error.starts_with(says) && !error.contains('\n'), "{error}");
        assert!(!CAUGHT.get(), "a later panic of this thread is shown");
        let error = caught::<()>(Format::Gif, || panic!("two\nlines")).unwrap_err();
        assert_eq!(error.to_string(), "damaged GIF: its decoder gave up (two)");
    }
}
