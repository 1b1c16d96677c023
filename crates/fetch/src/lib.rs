//! Files from the web: resumed where a connection broke, checked, and in their place whole or not at all.
//!
//! The system's own program does the transfer, curl, wget or PowerShell, so that no TLS library is a part of
//! this one, and proxies and certificates are those that the user has set up. It writes to a pipe; what
//! arrives is written, counted and hashed here.
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

/// How a transfer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Another process fetches the same file, and is waited for.
    Waiting,
    /// So many bytes of the file are there.
    Received(u64),
    /// The connection broke after so many bytes, and is made again.
    Again(u64),
}
