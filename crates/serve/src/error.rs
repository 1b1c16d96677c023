use std::io;
use std::net::SocketAddr;

use headstart::ErrorKind;

/// Why a server cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There is nothing to serve.
    #[error("there are no models to serve")]
    NoModels,
    /// The name cannot be part of an address.
    #[error("'{name}' cannot be part of an address; use letters, digits, -, _ and .")]
    BadName {
        /// The name.
        name: String,
    },
    /// Two models have the same name.
    #[error("two models are called {name}")]
    SameName {
        /// The name.
        name: String,
    },
    /// Other machines can reach the address, and the configuration does not say who may send requests.
    #[error("{listen}: other machines can reach this address, so it needs a token")]
    NeedsToken {
        /// The address.
        listen: SocketAddr,
    },
    /// Other machines can reach the address, but sessions are only for a browser on this machine.
    #[error(
        "{listen}: other machines can reach this address; use a loopback address, such as 127.0.0.1"
    )]
    NotLoopback {
        /// The address.
        listen: SocketAddr,
    },
    /// A header cannot carry the token.
    #[error("a token consists of ASCII letters, digits and punctuation, without spaces")]
    BadToken,
    /// A request may have more pictures than the queue.
    #[error("a queue of {queue} pictures is too short for a request of {pictures}")]
    ShortQueue {
        /// Maximum number of pictures in the queue.
        queue: usize,
        /// Maximum number of pictures per request.
        pictures: usize,
    },
    /// The server cannot listen on the address.
    #[error("{listen}: cannot listen here ({})", headstart::system_reason(cause))]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The threads cannot be started.
    #[error("cannot start {threads} threads ({})", headstart::system_reason(cause))]
    Threads {
        /// Number of threads.
        threads: usize,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// A model cannot be loaded.
    #[error(transparent)]
    Model(#[from] headstart::Error),
}

impl ServeError {
    /// What a caller can do about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BadName { .. } | Self::SameName { .. } => ErrorKind::InvalidName,
            Self::NoModels
            | Self::NeedsToken { .. }
            | Self::NotLoopback { .. }
            | Self::BadToken
            | Self::ShortQueue { .. } => ErrorKind::InvalidInput,
            Self::Listen { cause, .. } => cause.kind().into(),
            Self::Threads { .. } => ErrorKind::LimitExceeded,
            Self::Model(error) => error.kind(),
        }
    }
}
