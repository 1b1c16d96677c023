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
    /// A name that addresses cannot have.
    #[error("'{name}' cannot be part of an address; use letters, digits, -, _ and .")]
    BadName {
        /// The name.
        name: String,
    },
    /// Two models of the same name.
    #[error("two models are called {name}")]
    SameName {
        /// The name.
        name: String,
    },
    /// Others can reach the address, and nothing says who may.
    #[error("{listen}: other machines can reach this address, so it needs a token")]
    NeedsToken {
        /// The address.
        listen: SocketAddr,
    },
    /// Others can reach the address, and it is for this machine's browser alone.
    #[error(
        "{listen}: other machines can reach this address; use a loopback address, such as 127.0.0.1"
    )]
    NotLoopback {
        /// The address.
        listen: SocketAddr,
    },
    /// A token that no header can carry.
    #[error("a token consists of ASCII letters, digits and punctuation, without spaces")]
    BadToken,
    /// A request may have more pictures than can ever wait.
    #[error("a queue of {queue} pictures is too short for a request of {pictures}")]
    ShortQueue {
        /// Pictures that may wait.
        queue: usize,
        /// Pictures of a request.
        pictures: usize,
    },
    /// The address cannot be listened on.
    #[error("{listen}: cannot listen here ({})", headstart::system_reason(cause))]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The threads that predict cannot be started.
    #[error("cannot start {threads} threads ({})", headstart::system_reason(cause))]
    Threads {
        /// How many.
        threads: usize,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A model cannot be loaded.
    #[error(transparent)]
    Model(#[from] headstart::Error),
}

impl ServeError {
    /// What can be done about it.
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
