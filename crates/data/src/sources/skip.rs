//! Files and pictures left out, with reasons.

use std::fmt;
use std::io;
use std::path::PathBuf;

use headstart_error::ErrorKind;
use headstart_files::io_reason;

use super::names::BadName;
use super::problem::ListingProblem;
use crate::DecodeError;
use headstart_model::class_name::{BadClassName, NameProblem};

/// Something left out, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file or folder.
    pub path: PathBuf,
    /// The reason.
    pub reason: SkipReason,
}

/// The reason why something was left out; displays as half a line for people: "not a picture (text)".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// Its content is not a picture that can be decoded, or cannot be read. For a folder: it cannot be listed.
    #[error("{0}")]
    Content(#[from] DecodeError),
    /// A folder of which only some entries are readable.
    #[error("cannot be listed in full ({reason})")]
    ListedInPart {
        /// The system's error message.
        reason: String,
    },
    /// A file that should list or contain pictures, but cannot be parsed.
    #[error("{reason}")]
    Unlisted {
        /// The problem, and what to do.
        reason: ListingProblem,
    },
    /// A file that lists or contains pictures, some of which are unusable.
    #[error("{reason}")]
    Incomplete {
        /// The problem.
        reason: String,
    },

    /// A class folder without pictures.
    #[error("a class folder without pictures")]
    EmptyClass,
    /// A picture beside the class folders.
    #[error("lies in no class's folder")]
    NoClass,
    /// A folder beside those of the sides.
    #[error("none of the folders for training and measuring")]
    NoSide,
    /// A file beside archives or tables.
    #[error("lies beside archives")]
    BesideArchives,
    /// A picture whose class is not specified.
    #[error("has no label")]
    NoLabel,
    /// A validation picture of a class without training pictures.
    #[error("its class has no pictures to train on")]
    NotLearned,
    /// Pictures whose paths do not match an expression.
    #[error("{}", unmatched(.pattern, *.paths, .example.as_deref()))]
    Unmatched {
        /// The expression.
        pattern: String,
        /// Their number.
        paths: usize,
        /// The first of them; `None` if the skipped path is that one.
        example: Option<String>,
    },
    /// A picture whose path is not valid UTF-8.
    #[error("has a name that is not UTF-8")]
    NotUtf8,

    /// A name within an archive that is not a valid path.
    #[error("{0}")]
    Name(#[from] BadName),
    /// A member followed by another with the same name.
    #[error("replaced by a later member of the same name")]
    Replaced,
    /// A member whose bytes overlap another's.
    #[error("overlaps another member: the archive is damaged")]
    Overlaps,
    /// A member that links to another file.
    #[error("a link; pack the file that it points to{}", if *.tar { " (tar --dereference --hard-dereference)" } else { "" })]
    Link {
        /// Whether the archive is a tar file.
        tar: bool,
    },
    /// A sparse member of a tar archive, in which zeros are omitted.
    #[error("a sparse file; pack it without --sparse")]
    Sparse,
    /// A member that extends beyond the end of its archive.
    #[error("truncated: the archive ends before it does")]
    CutOff,
    /// A member whose declared offset is beyond the end of its archive.
    #[error("lies beyond the end of the archive, which is damaged")]
    BeyondTheEnd,
    /// An encrypted member.
    #[error("encrypted: unpack the archive")]
    Encrypted,
    /// A member of a zip archive with an unsupported compression method.
    #[error(
        "compressed with method {method}; only 0 (stored) and 8 (deflate) are supported; pack it again"
    )]
    Method {
        /// Its number in the format's specification.
        method: u16,
    },

    /// A row of a table.
    #[error("{place} {problem}")]
    Row {
        /// Its position: `line 7`.
        place: String,
        /// The problem.
        problem: Box<RowProblem>,
    },
    /// A picture whose label is not a valid class name.
    #[error("its label has {} ({})", .0.problem, .0.name)]
    Label(BadClassName),
    /// A folder whose name is not a valid class name.
    #[error("is not a valid class name: it contains {}; rename it", .0.problem)]
    FolderName(BadClassName),
    /// A label file beside a picture that contains no valid label.
    #[error("is not a valid label: it contains {0}")]
    LabelFile(NameProblem),
}

impl SkipReason {
    /// The category of the reason.
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

/// The reason why a row of a table that lists pictures is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// It has no path.
    #[error("has no path")]
    NoPath,
    /// It has more or fewer fields than the header.
    #[error("has {found} fields where the header has {expected}; quote what has a separator in it")]
    Fields {
        /// Its number of fields.
        found: usize,
        /// The header's number of fields.
        expected: usize,
    },
    /// It is not valid UTF-8.
    #[error("is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// Its label is not a valid class name.
    #[error("has a label with {} ({})", .0.problem, .0.name)]
    Label(BadClassName),
    /// It is not a JSON object.
    #[error("is not a JSON object ({reason})")]
    NotJson {
        /// The problem.
        reason: String,
    },
    /// It is too long.
    #[error("is longer than the limit for a line")]
    TooLong,
    /// Its path lacks an extension, and several files match.
    #[error("has the path {path:?}, which could be {first} or {second}; add the extension")]
    Ambiguous {
        /// The name without extension.
        path: String,
        /// One of the files.
        first: String,
        /// Another one.
        second: String,
    },
}

impl Skipped {
    /// A file or folder, and why it was left out.
    pub fn new(path: impl Into<PathBuf>, reason: impl Into<SkipReason>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }

    /// An entry that the system cannot read.
    pub(super) fn unreadable(path: impl Into<PathBuf>, error: &io::Error) -> Self {
        Self::new(path, DecodeError::unreadable(error))
    }

    /// Whether it is something other than a picture.
    pub fn is_no_picture(&self) -> bool {
        matches!(self.reason, SkipReason::Content(DecodeError::NotAPicture { .. }))
    }

    /// Whether only a label is missing, and the pictures exist.
    pub fn is_of_a_label(&self) -> bool {
        matches!(self.reason, SkipReason::FolderName(_) | SkipReason::LabelFile(_))
    }

    /// Whether it could not be read, so that its content is unknown.
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
    /// A folder that the system lists only in part.
    pub(super) fn listed_in_part(error: &io::Error) -> Self {
        Self::ListedInPart { reason: io_reason(error) }
    }

    /// A file that exists but is not a regular file.
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
