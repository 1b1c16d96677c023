//! Human-readable messages for system errors about files.

use std::io;
use std::path::PathBuf;

use headstart_error::{ErrorKind, system_reason};

/// The operating system failed to read or write a file. Its message is part of this error's message and not its source,
/// or printing the chain would repeat it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {}{}", path.display(), io_reason(cause), self.advice())]
pub struct FileError {
    /// `read`, `write`, `make` or `remove`.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The system's error.
    pub cause: io::Error,
}

impl FileError {
    /// The category of the error.
    pub fn kind(&self) -> ErrorKind {
        self.cause.kind().into()
    }

    /// Advice that depends on the action: who may not write here may write elsewhere.
    fn advice(&self) -> &'static str {
        match (self.action, self.cause.kind()) {
            ("write" | "make", io::ErrorKind::PermissionDenied) => "; choose another place",
            _ => "",
        }
    }
}

/// The system's message in readable form: without its number, and with advice if nothing more can be written.
pub fn io_reason(error: &io::Error) -> String {
    let reason = system_reason(error);
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{reason}; make room there or choose another place")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("{reason}; choose another place"),
        _ => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn an_operating_systems_reason_is_said_once_and_without_its_number() {
        let to = |action, number| FileError {
            action,
            path: "cat.model".into(),
            cause: io::Error::from_raw_os_error(number),
        };
        let io = |number| to("write", number);
        for (number, text) in [
            (2, "cannot write cat.model: No such file or directory"),
            (13, "cannot write cat.model: Permission denied; choose another place"),
            (
                28,
                "cannot write cat.model: No space left on device; make room there or choose another place",
            ),
            (30, "cannot write cat.model: Read-only file system; choose another place"),
        ] {
            assert_eq!(io(number).to_string(), text);
            assert!(std::error::Error::source(&io(number)).is_none());
        }
        let made = to("make", 13).to_string();
        assert_eq!(made, "cannot make cat.model: Permission denied; choose another place");
        assert_eq!(to("read", 13).to_string(), "cannot read cat.model: Permission denied");
        let own = io::Error::other("in our own words");
        assert_eq!(io_reason(&own), "in our own words");
    }
}
