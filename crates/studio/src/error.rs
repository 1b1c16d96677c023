use std::io;
use std::path::PathBuf;

use headstart::ErrorKind;
use headstart::data::{DataError, DecodeError};
use headstart_export::ExportError;
use headstart_serve::ServeError;

/// Why a studio cannot be opened, or refuses a request. Displayed as one line for the user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudioError {
    /// The system refuses access to the folder.
    #[error("{}: cannot be opened ({})", .folder.display(), headstart::system_reason(.cause))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The error of the system.
        cause: io::Error,
    },
    /// The folder cannot be listed.
    #[error(transparent)]
    Listing(#[from] DataError),
    /// The folders in it are not classes.
    #[error("{}: is not a folder with one folder per class: {note}. Open one of the folders in it, or a new one", .folder.display())]
    NotPlain {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        note: String,
    },
    /// Another studio has the folder open.
    #[error("{}: another studio has this folder open{}", .folder.display(), at(.address.as_deref()))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// The address of the other studio, if it has written it.
        address: Option<String>,
    },
    /// The journal cannot be read.
    #[error("{}: cannot be read ({reason}): move it away to open the folder without its undo history", .journal.display())]
    Journal {
        /// The file.
        journal: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server cannot listen at the address, or threads cannot be started.
    #[error(transparent)]
    Serve(#[from] ServeError),

    /// The project is read-only.
    #[error("nothing can be changed: {why}")]
    ReadOnly {
        /// The reason.
        why: String,
    },
    /// A text is not valid as the name of a class's folder.
    #[error("{name:?} is not a valid class name: {problem}")]
    ClassName {
        /// The text.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A text is not valid as the name of a model's file.
    #[error("{name:?} is not a valid model name: {problem}")]
    ModelName {
        /// The text.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such class.
    #[error("there is no class {name:?}")]
    NoSuchClass {
        /// Its name.
        name: String,
    },
    /// There is a class of this name already.
    #[error("there is a class {name:?} already")]
    ClassExists {
        /// Its name.
        name: String,
    },
    /// There is no such picture.
    #[error("{path}: there is no such picture")]
    NoSuchPicture {
        /// Its path.
        path: String,
    },
    /// There is nothing to undo or to redo.
    #[error("there is nothing to {what}")]
    NothingTo {
        /// The request.
        what: &'static str,
    },
    /// The system refuses. What was done before is undone.
    #[error("cannot {action} {path} ({}): nothing was changed", headstart::system_reason(.cause))]
    System {
        /// The action that failed.
        action: &'static str,
        /// The path within the project.
        path: String,
        /// The error of the system.
        cause: io::Error,
    },
    /// The system refuses access to one of the studio's own files.
    #[error("cannot read {name} ({})", headstart::system_reason(.cause))]
    Unread {
        /// The name of the model, or whatever else it contains.
        name: String,
        /// The error of the system.
        cause: io::Error,
    },
    /// An invalid request.
    #[error("{0}")]
    Request(String),
    /// There is no object of this kind and name.
    #[error("there is no {what} {name:?}")]
    NoSuch {
        /// The kind: a model, a job, a finding.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The pictures of a finding have changed.
    #[error("the pictures have changed since this was found: nothing was done")]
    Outdated,
    /// The last deed is not the one to be undone.
    #[error("something else was done since: {title}")]
    NotTheLast {
        /// The title of the last deed.
        title: String,
    },
    /// The program has a fault.
    #[error("a fault of this program: {problem}")]
    Fault {
        /// The message of the panic.
        problem: String,
    },
    /// Another job is running.
    #[error("{name} is being trained: stop it, or wait until it is done")]
    JobRuns {
        /// The name of the model that it trains.
        name: String,
    },
    /// Nothing has been learned yet.
    #[error("nothing has been learned yet: two classes with pictures are needed")]
    NothingLearned,
    /// There are no pictures to compare two models on.
    #[error("{a} and {b} cannot be compared: no pictures are new to both")]
    NothingToCompare {
        /// The name of one model.
        a: String,
        /// The name of the other.
        b: String,
    },
    /// A picture that cannot be read.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// A format cannot express the model.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// An error of the library.
    #[error(transparent)]
    Library(#[from] headstart::Error),
}

impl StudioError {
    /// What a caller can do about the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Folder { cause, .. }
            | Self::System { cause, .. }
            | Self::Unread { cause, .. } => cause.kind().into(),
            Self::Listing(error) => error.kind(),
            Self::Journal { .. } => ErrorKind::InvalidData,
            Self::Serve(error) => error.kind(),
            Self::ClassName { .. } | Self::ModelName { .. } => ErrorKind::InvalidName,
            Self::Fault { .. } => ErrorKind::Internal,
            Self::NotPlain { .. }
            | Self::InUse { .. }
            | Self::ReadOnly { .. }
            | Self::ClassExists { .. }
            | Self::NothingTo { .. }
            | Self::Request(_)
            | Self::JobRuns { .. }
            | Self::Outdated
            | Self::NotTheLast { .. }
            | Self::NothingLearned
            | Self::NothingToCompare { .. } => ErrorKind::InvalidInput,
            Self::NoSuchClass { .. } | Self::NoSuchPicture { .. } | Self::NoSuch { .. } => {
                ErrorKind::NotFound
            }
            Self::Picture(error) => error.kind(),
            Self::Export(error) => error.kind(),
            Self::Library(error) => error.kind(),
        }
    }

    /// An error for a system call within the project that failed.
    pub(crate) fn system(action: &'static str, path: &str, cause: io::Error) -> Self {
        Self::System { action, path: path.to_owned(), cause }
    }
}

fn at(address: Option<&str>) -> String {
    address.map_or_else(String::new, |address| format!(": http://{address}"))
}
