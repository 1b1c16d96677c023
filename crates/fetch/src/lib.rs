//! Downloads files: resumes broken connections, checks the content, and puts files in place atomically.
//!
//! The transfer is done by the system's own program (curl, wget or PowerShell), so that this crate needs no TLS
//! library, and the user's proxies and certificates apply. The program writes to a pipe; the data is written, counted
//! and hashed here.
#![forbid(unsafe_code)]

mod check;
mod error;
mod part;
mod program;
mod transfer;

pub use check::{Digests, Expected, Hash, Size, digests};
pub use error::FetchError;
pub use part::{Arrived, Slot};
pub use program::Program;

/// Progress of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waiting for another process that fetches the same file.
    Waiting,
    /// The number of bytes of the file received so far.
    Received(u64),
    /// The connection broke after this many bytes, and is being restored.
    Again(u64),
}
