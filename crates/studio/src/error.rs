use std::io;
use std::path::PathBuf;

use headstart::ErrorKind;
use headstart::data::{DataError, DecodeError};
use headstart_export::ExportError;
use headstart_serve::ServeError;

/// Why a studio cannot be opened, or does not do what it is asked for. As text one line for its user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudioError {
    /// The system does not give the folder.
    #[error("{}: cannot be opened ({})", .folder.display(), headstart::system_reason(.cause))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The folder cannot be listed.
    #[error(transparent)]
    Listing(#[from] DataError),
    /// The folders in it are no classes.
    #[error("{}: is not a folder with one folder per class: {note}. Open one of the folders in it, or a new one", .folder.display())]
    NotPlain {
        /// The folder.
        folder: PathBuf,
        /// What it is.
        note: String,
    },
    /// Another studio has it.
    #[error("{}: another studio has this folder open{}", .folder.display(), at(.address.as_deref()))]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Where that one listens, if it says so.
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
    /// No address can be listened on, or no threads had.
    #[error(transparent)]
    Serve(#[from] ServeError),

    /// Nothing can be changed.
    #[error("nothing can be changed: {why}")]
    ReadOnly {
        /// Why.
        why: String,
    },
    /// A text that is no name for a class's folder.
    #[error("{name:?} is not a valid class name: {problem}")]
    ClassName {
        /// The text.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A text that is no name for a model's file.
    #[error("{name:?} is not a valid model name: {problem}")]
    ModelName {
        /// The text.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A class that there is not.
    #[error("there is no class {name:?}")]
    NoSuchClass {
        /// Its name.
        name: String,
    },
    /// A class that there is already.
    #[error("there is a class {name:?} already")]
    ClassExists {
        /// Its name.
        name: String,
    },
    /// A picture that there is not.
    #[error("{path}: there is no such picture")]
    NoSuchPicture {
        /// Its path.
        path: String,
    },
    /// There is nothing to undo, or to do again.
    #[error("there is nothing to {what}")]
    NothingTo {
        /// What was asked for.
        what: &'static str,
    },
    /// The system refuses. What was done before is taken back.
    #[error("cannot {action} {path} ({}): nothing was changed", headstart::system_reason(.cause))]
    System {
        /// What was to be done.
        action: &'static str,
        /// With what, within the project.
        path: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The system does not give a file of the studio's own.
    #[error("cannot read {name} ({})", headstart::system_reason(.cause))]
    Unread {
        /// What it holds.
        name: String,
        /// What the system said.
        cause: io::Error,
    },
    /// A request that makes no sense.
    #[error("{0}")]
    Request(String),
    /// Something that there is not, by kind and name.
    #[error("there is no {what} {name:?}")]
    NoSuch {
        /// What: a model, a job, a finding.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The pictures that a finding is about have changed.
    #[error("the pictures have changed since this was found: nothing was done")]
    Outdated,
    /// What was done last is not what was to be undone.
    #[error("something else was done since: {title}")]
    NotTheLast {
        /// What was done last.
        title: String,
    },
    /// The program fails.
    #[error("a fault of this program: {problem}")]
    Fault {
        /// What it said.
        problem: String,
    },
    /// Another job runs.
    #[error("{name} is being trained: stop it, or wait until it is done")]
    JobRuns {
        /// What comes of it.
        name: String,
    },
    /// Nothing has been learned yet.
    #[error("nothing has been learned yet: two classes with pictures are needed")]
    NothingLearned,
    /// No pictures to compare two models on.
    #[error("{a} and {b} cannot be compared: no pictures are new to both")]
    NothingToCompare {
        /// One.
        a: String,
        /// The other.
        b: String,
    },
    /// A picture that cannot be read.
    #[error(transparent)]
    Picture(#[from] DecodeError),
    /// A format has no place for a model.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The library fails.
    #[error(transparent)]
    Library(#[from] headstart::Error),
}

impl StudioError {
    /// What can be done about it.
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

    /// That the system refuses to do something within the project.
    pub(crate) fn system(action: &'static str, path: &str, cause: io::Error) -> Self {
        Self::System { action, path: path.to_owned(), cause }
    }
}

fn at(address: Option<&str>) -> String {
    address.map_or_else(String::new, |address| format!(": http://{address}"))
}
