//! What was left out, and why.

use std::fmt;
use std::io;
use std::path::PathBuf;

use headstart_error::ErrorKind;
use headstart_files::io_reason;

use super::names::BadName;
use super::problem::ListingProblem;
use crate::DecodeError;
use headstart_model::class_name::{BadClassName, NameProblem};

/// Something that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    pub reason: SkipReason,
}

/// Why something was left out; as text half a line for people: "not a picture (text)".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its content is no picture that can be decoded, or the system does not give it. Of a folder:
    /// that it cannot be listed.
    #[error("{0}")]
    Content(#[from] DecodeError),
    /// A folder of which only some entries could be had.
    #[error("cannot be listed in full ({reason})")]
    ListedInPart {
        /// What the system said.
        reason: String,
    },
    /// A file that should list or hold pictures, and cannot be understood.
    #[error("{reason}")]
    Unlisted {
        /// What is wrong with it, and what to do.
        reason: ListingProblem,
    },
    /// A file that lists or holds pictures, of which not all could be taken.
    #[error("{reason}")]
    Incomplete {
        /// What is wrong with it.
        reason: String,
    },

    /// A class's folder in which no picture lies.
    #[error("a class folder without pictures")]
    EmptyClass,
    /// A picture beside the folders of classes.
    #[error("lies in no class's folder")]
    NoClass,
    /// A folder beside those of the sides.
    #[error("none of the folders for training and measuring")]
    NoSide,
    /// A file beside archives or tables.
    #[error("lies beside archives")]
    BesideArchives,
    /// A picture of which nothing says the class.
    #[error("has no label")]
    NoLabel,
    /// A picture that is measured on, of a class that is not learned.
    #[error("its class has no pictures to train on")]
    NotLearned,
    /// Pictures in whose paths an expression finds no label.
    #[error("{}", unmatched(.pattern, *.paths, .example.as_deref()))]
    Unmatched {
        /// The expression.
        pattern: String,
        /// How many.
        paths: usize,
        /// The first of them; `None` where it is the path that is left out.
        example: Option<String>,
    },
    /// A picture whose path cannot be written as text.
    #[error("has a name that is not UTF-8")]
    NotUtf8,

    /// A name within an archive that is no path.
    #[error("{0}")]
    Name(#[from] BadName),
    /// A member that another follows under the same name.
    #[error("replaced by a later member of the same name")]
    Replaced,
    /// A member whose bytes are another's, too.
    #[error("overlaps another member: the archive is damaged")]
    Overlaps,
    /// A member that stands for another file.
    #[error("a link: pack the file that it leads to{}", if *.tar { " (tar --dereference --hard-dereference)" } else { "" })]
    Link {
        /// Whether the archive is tar's.
        tar: bool,
    },
    /// A member of a tar archive of which the zeros are left out.
    #[error("a sparse file: pack it without --sparse")]
    Sparse,
    /// A member that is longer than what is left of its archive.
    #[error("truncated: the archive ends before it does")]
    CutOff,
    /// A member that is said to lie where nothing is.
    #[error("lies beyond the end of the archive, which is damaged")]
    BeyondTheEnd,
    /// A member that needs a password.
    #[error("encrypted: unpack the archive")]
    Encrypted,
    /// A member of a zip archive that is packed in another way than those which are read.
    #[error("packed by method {method}, of which only 0 and 8 (deflate) are read: pack it anew")]
    Method {
        /// Its number in the format's specification.
        method: u16,
    },

    /// A row of a table.
    #[error("{place} {problem}")]
    Row {
        /// Which: `line 7`.
        place: String,
        /// What is wrong with it.
        problem: Box<RowProblem>,
    },
    /// A picture whose label is no name for a class.
    #[error("its label has {} ({})", .0.problem, .0.name)]
    Label(BadClassName),
    /// A folder whose name is no name for a class.
    #[error("is no name for a class: it holds {}; rename it", .0.problem)]
    FolderName(BadClassName),
    /// A file with the label of the picture beside it that holds none.
    #[error("is no label: it holds {0}")]
    LabelFile(NameProblem),
}

impl SkipReason {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Content(error) => error.kind(),
            Self::ListedInPart { .. } => ErrorKind::Io,
            Self::Link { .. } | Self::Sparse | Self::Encrypted | Self::Method { .. } => {
                ErrorKind::Unsupported
            }
            Self::Unlisted { .. }
            | Self::Incomplete { .. }
            | Self::EmptyClass
            | Self::NoClass
            | Self::NoSide
            | Self::BesideArchives
            | Self::NoLabel
            | Self::NotLearned
            | Self::Unmatched { .. }
            | Self::NotUtf8
            | Self::Name(_)
            | Self::Replaced
            | Self::Overlaps
            | Self::CutOff
            | Self::BeyondTheEnd
            | Self::Row { .. }
            | Self::Label(_)
            | Self::FolderName(_)
            | Self::LabelFile(_) => ErrorKind::InvalidData,
        }
    }
}

/// Why a row of a table that lists pictures is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// It names no picture.
    #[error("has no path")]
    NoPath,
    /// It has more or fewer fields than the header.
    #[error("has {found} fields where the header has {expected}; quote what has a separator in it")]
    Fields {
        /// Its fields.
        found: usize,
        /// Those of the header.
        expected: usize,
    },
    /// It is no text.
    #[error("is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// Its label is none.
    #[error("has a label with {} ({})", .0.problem, .0.name)]
    Label(BadClassName),
    /// It is no object.
    #[error("is no JSON object ({reason})")]
    NotJson {
        /// What is wrong with it.
        reason: String,
    },
    /// It is too long to be read.
    #[error("is longer than a line may be")]
    TooLong,
    /// Its path lacks an ending, and several files are called so.
    #[error("has the path {path:?}, which may be {first} or {second}: add the ending")]
    Ambiguous {
        /// The name without an ending.
        path: String,
        /// One of the files.
        first: String,
        /// Another.
        second: String,
    },
}

impl Skipped {
    /// A file or folder, and why it was left out.
    pub fn new(path: impl Into<PathBuf>, reason: impl Into<SkipReason>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    /// What the system does not give.
    pub(super) fn unreadable(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self::new(path, DecodeError::unreadable(error))
    }

    /// Whether it is something else than a picture.
    pub fn is_no_picture(&self) -> bool {
        matches!(self.reason, SkipReason::Content(DecodeError::NotAPicture { .. }))
    }

    /// Whether only a label is missing, and the pictures are there.
    pub fn is_of_a_label(&self) -> bool {
        matches!(self.reason, SkipReason::FolderName(_) | SkipReason::LabelFile(_))
    }

    /// Whether it could not be read, whatever it may hold.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.reason, SkipReason::Content(DecodeError::Io { .. }))
    }
}

impl fmt::Display for Skipped {
    /// `PATH: REASON`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl SkipReason {
    /// A folder of which the system does not give all.
    pub(super) fn listed_in_part(error: &io::Error) -> Self {
        Self::ListedInPart { reason: io_reason(error) }
    }

    /// A file that is there, and is no regular one.
    pub(super) const fn irregular() -> Self {
        Self::Content(DecodeError::NotAPicture { what: "no regular file" })
    }
}

fn unmatched(pattern: &str, paths: usize, example: Option<&str>) -> String {
    match (paths, example) {
        (_, None) => format!("its path does not match {pattern}"),
        (1, Some(example)) => format!("1 path does not match {pattern}: {example}"),
        (n, Some(example)) => format!("{n} paths do not match {pattern}, such as {example}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let text = || "what is wrong".to_owned();
        let name = || BadClassName { name: text(), problem: NameProblem::Nothing };
        headstart_error::assert_kinds! { SkipReason:
            SkipReason::Content(_) => DecodeError::NotAPicture { what: "text" }.into(), UnreadablePicture;
            SkipReason::ListedInPart { .. } => SkipReason::ListedInPart { reason: text() }, Io;
            SkipReason::Unlisted { .. } => SkipReason::Unlisted { reason: text().into() }, InvalidData;
            SkipReason::Incomplete { .. } => SkipReason::Incomplete { reason: text() }, InvalidData;
            SkipReason::EmptyClass => SkipReason::EmptyClass, InvalidData;
            SkipReason::NoClass => SkipReason::NoClass, InvalidData;
            SkipReason::NoSide => SkipReason::NoSide, InvalidData;
            SkipReason::BesideArchives => SkipReason::BesideArchives, InvalidData;
            SkipReason::NoLabel => SkipReason::NoLabel, InvalidData;
            SkipReason::NotLearned => SkipReason::NotLearned, InvalidData;
            SkipReason::Unmatched { .. } => SkipReason::Unmatched { pattern: text(), paths: 2, example: None }, InvalidData;
            SkipReason::NotUtf8 => SkipReason::NotUtf8, InvalidData;
            SkipReason::Name(_) => BadName::Empty.into(), InvalidData;
            SkipReason::Replaced => SkipReason::Replaced, InvalidData;
            SkipReason::Overlaps => SkipReason::Overlaps, InvalidData;
            SkipReason::Link { .. } => SkipReason::Link { tar: true }, Unsupported;
            SkipReason::Sparse => SkipReason::Sparse, Unsupported;
            SkipReason::CutOff => SkipReason::CutOff, InvalidData;
            SkipReason::BeyondTheEnd => SkipReason::BeyondTheEnd, InvalidData;
            SkipReason::Encrypted => SkipReason::Encrypted, Unsupported;
            SkipReason::Method { .. } => SkipReason::Method { method: 9 }, Unsupported;
            SkipReason::Row { .. } => SkipReason::Row { place: text(), problem: RowProblem::NoPath.into() }, InvalidData;
            SkipReason::Label(_) => SkipReason::Label(name()), InvalidData;
            SkipReason::FolderName(_) => SkipReason::FolderName(name()), InvalidData;
            SkipReason::LabelFile(_) => SkipReason::LabelFile(NameProblem::TooMuch), InvalidData;
        }
    }
}
