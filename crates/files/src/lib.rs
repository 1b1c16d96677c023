//! Files: atomic writing, positioned reading and writing, and error messages.
#![forbid(unsafe_code)]

mod atomic;
mod error;
mod positioned;
mod shell;

pub use atomic::{AtomicFile, check_writable};
pub use error::{FileError, io_reason};
pub use positioned::{Section, read_exact_at, write_all_at};
pub use shell::quoted;
