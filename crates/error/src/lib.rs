//! Categories of errors by the caller's options.
#![forbid(unsafe_code)]

use std::io;

/// The category of an error, by what a caller can do about it; it determines the exit status, HTTP status or exception.
/// The message contains the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The path does not exist: give another. HTTP 404, Python's `FileNotFoundError`.
    NotFound,
    /// A name, or an index in its place, is unknown or invalid: of a base, a width, a layer, a prefix of weights,
    /// classes. Use one that the message lists. HTTP 400, Python's `ValueError`.
    InvalidName,
    /// Options or values are invalid, alone, together, or for these pictures or this model: use others. HTTP 400,
    /// Python's `ValueError`.
    InvalidInput,
    /// The data is unusable: a damaged model or weight file, a table that cannot be parsed, a folder without labels.
    /// The same call fails again until the data is fixed. HTTP 422, Python's `ValueError`.
    InvalidData,
    /// A picture is damaged, or not a picture: leave it out. HTTP 422, Python's `ValueError`.
    UnreadablePicture,
    /// The format or version is not supported by this build: convert it, or update. HTTP 415, Python's `ValueError`.
    Unsupported,
    /// A limit is exceeded: raise it if the caller may, or leave the picture out. HTTP 413, Python's `ValueError`.
    LimitExceeded,
    /// The file system is full: free space, or write elsewhere. HTTP 507, Python's `OSError`.
    OutOfSpace,
    /// The system denies access to a file or folder. HTTP 403, Python's `PermissionError`.
    PermissionDenied,
    /// The system fails to read or write for another reason: retrying may help. HTTP 500, Python's `OSError`.
    Io,
    /// The caller asked to stop; nothing is wrong. HTTP 499, Python's `KeyboardInterrupt`.
    Interrupted,
    /// A bug in this library, or in code that the caller supplied. HTTP 500, Python's `RuntimeError`.
    Internal,
}

/// The category of a system error.
impl From<io::ErrorKind> for ErrorKind {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::OutOfSpace,
            _ => Self::Io,
        }
    }
}

/// The category of an error from the caller's code.
impl From<&(dyn std::error::Error + 'static)> for ErrorKind {
    fn from(error: &(dyn std::error::Error + 'static)) -> Self {
        match error.downcast_ref::<io::Error>() {
            Some(error) => error.kind().into(),
            None => Self::Internal,
        }
    }
}

/// The system's message in readable form, without its number.
pub fn system_reason(error: &io::Error) -> String {
    let text = error.to_string();
    let number = error.raw_os_error().map_or_else(String::new, |n| format!(" (os error {n})"));
    text.strip_suffix(&number).unwrap_or(&text).to_owned()
}

/// The question in a message about an unknown name, without punctuation before it; `None` without similar names.
pub fn did_you_mean<S: AsRef<str>>(near: &[S]) -> Option<String> {
    let names: Vec<&str> = near.iter().map(AsRef::as_ref).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(", ")))
}

/// For tests: asserts that each variant of an error has the kind in its row, and a message of one line. A variant
/// without a row does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! assert_kinds {
    ($error:ty: $($pattern:pat => $example:expr, $kind:ident;)+) => {{
        #[allow(unreachable_patterns)]
        fn has_a_row(error: &$error) {
            match error {
                $($pattern => {})+
            }
        }
        $({
            let error: $error = $example;
            has_a_row(&error);
            assert!(matches!(&error, $pattern), "another row's example: {error:?}");
            assert_eq!(error.kind(), $crate::ErrorKind::$kind, "{error:?}");
            let message = error.to_string();
            assert!(!message.is_empty() && !message.contains('\n'), "{error:?}: {message}");
        })+
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn the_systems_reasons_have_their_kinds() {
        for (number, kind) in [
            (2, ErrorKind::NotFound),
            (13, ErrorKind::PermissionDenied),
            (28, ErrorKind::OutOfSpace),
            (30, ErrorKind::PermissionDenied),
            (5, ErrorKind::Io),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(ErrorKind::from(error.kind()), kind, "{error}");
            let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
            assert_eq!(ErrorKind::from(&*boxed as &dyn std::error::Error), kind);
        }
        let own: Box<dyn std::error::Error> = "in our own words".into();
        assert_eq!(ErrorKind::from(&*own), ErrorKind::Internal);
    }

    #[test]
    #[cfg(feature = "serde")]
    fn a_kind_is_written_in_snake_case() {
        let text = serde_json::to_string(&ErrorKind::UnreadablePicture).expect("a name");
        assert_eq!(text, "\"unreadable_picture\"");
    }
}
