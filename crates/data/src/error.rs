use std::io;
use std::path::{Path, PathBuf};

use headstart_error::ErrorKind;
use headstart_files::io_reason;

use crate::Skipped;
use crate::sources::{ListingProblem, Note, PatternUse};

/// Why a folder of pictures cannot be used at all.
///
/// What concerns single pictures is no error: it is skipped and listed with its reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Nothing is at this path.
    #[error("{}: no such file or folder; check the path", path.display())]
    Missing {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file was given where a folder is needed.
    #[error("{}: is a file with no pictures in it; give a folder with one folder of pictures per class, an archive (.tar, .zip) or a manifest (.csv, .parquet)", path.display())]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// Folders that all have folders of the same names in them.
    #[error(
        "{}: {} all hold {}: find labels by '^([^/]+)/' if the former are the classes, \
         by '([^/]+)/[^/]*$' if the latter are, or call the sides of a split train and validation",
        path.display(), some(outer), some(inner)
    )]
    EitherClasses {
        /// The folder they lie in.
        path: PathBuf,
        /// Their names.
        outer: Vec<String>,
        /// Those of the folders in each.
        inner: Vec<String>,
    },
    /// A file that should hold pictures, but cannot be listed.
    #[error("{}: {reason}", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: ListingProblem,
    },
    /// The folder cannot be listed. The system's reason is a part of the message and no source of
    /// this error, or whoever prints the chain would print it twice.
    #[error("{}: cannot be read ({}); check its permissions", path.display(), io_reason(cause))]
    Unreadable {
        /// The path asked for.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// No picture lies anywhere below the folder.
    #[error(
        "{}: holds no pictures; put them into one folder per class{}",
        path.display(),
        not_looked_into(unreadable)
    )]
    NoPictures {
        /// The path asked for.
        path: PathBuf,
        /// What below it could not be read, and may hold pictures.
        unreadable: Vec<Skipped>,
    },
    /// A file that lists or holds pictures has none of its own.
    #[error("{}: holds no pictures{}", path.display(), not_looked_into(left_out))]
    NothingInside {
        /// The file asked for.
        path: PathBuf,
        /// What was left out.
        left_out: Vec<Skipped>,
    },
    /// All pictures are kept to measure on.
    #[error(
        "{}: has nothing to learn from: {} for validation or testing",
        path.display(),
        if *pictures == 1 { "its picture is".to_owned() } else { format!("all its {pictures} pictures are") }
    )]
    NothingToLearn {
        /// What was asked for.
        path: PathBuf,
        /// How many pictures it has.
        pictures: usize,
    },
    /// Pictures may have several labels, and have none.
    #[error("{}: none of its {pictures} pictures has a label; some must", path.display())]
    NoneOfAnyClass {
        /// What was asked for.
        path: PathBuf,
        /// How many pictures it has.
        pictures: usize,
    },
    /// Pictures lie in the folder itself and none in a folder below it.
    #[error(
        "{}: its {pictures} pictures lie in no class; move them into one folder per class, as in {}",
        path.display(),
        path.join("CLASS").join("picture.jpg").display()
    )]
    NoClasses {
        /// The path asked for.
        path: PathBuf,
        /// How many pictures lie in it directly.
        pictures: usize,
    },
    /// Not one picture has a label and may be learned from.
    #[error(
        "{}: not one of its pictures ({pictures} in all) has a label to learn; put them into one folder per class, or give them a column label{}",
        path.display(),
        notes.iter().map(|note| format!("; {note}")).collect::<String>()
    )]
    NoLabels {
        /// What was asked for.
        path: PathBuf,
        /// How many pictures it has.
        pictures: usize,
        /// How a table was understood.
        notes: Vec<Note>,
    },
    /// Every picture carries the same label.
    #[error(
        "{}: has only the class \"{class}\"; a classifier needs at least two{}",
        path.display(),
        not_looked_into(unreadable)
    )]
    OneClass {
        /// The path asked for.
        path: PathBuf,
        /// The only class.
        class: String,
        /// What could not be read, and may hold the pictures of others.
        unreadable: Vec<Skipped>,
    },
    /// The share of pictures held back for validation is not in `0..1`.
    #[error(
        "a validation share of {share} makes no sense; give one from 0 up to, but not including, 1"
    )]
    Share {
        /// The share asked for.
        share: f64,
    },
    /// Pictures cannot be dealt into so many folds.
    #[error(
        "{folds} folds make no sense; give 2 or more, and no more than there are different pictures or groups of them to measure on ({groups})"
    )]
    Folds {
        /// The folds asked for.
        folds: usize,
        /// How many groups of pictures can be held back.
        groups: usize,
    },
    /// A file that lists pictures cannot be understood.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column, and the way out.
        reason: ListingProblem,
    },
    /// Columns are named where there are none.
    #[error("{}: has no columns", path.display())]
    NoColumns {
        /// The folder or the file.
        path: PathBuf,
    },
    /// A regular expression is none.
    #[error("{pattern} is no regular expression: {reason}")]
    Pattern {
        /// The text that should be one.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A regular expression that matches no path.
    #[error("{pattern}: matches none of the paths, such as {example}")]
    MatchesNothing {
        /// What it was to find.
        finds: PatternUse,
        /// The expression.
        pattern: String,
        /// One of the paths.
        example: String,
    },
}

impl DataError {
    /// What can be done about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing { .. } => ErrorKind::NotFound,
            Self::Unreadable { cause, .. } => cause.kind().into(),
            Self::NotAFolder { .. }
            | Self::EitherClasses { .. }
            | Self::Contents { .. }
            | Self::NoPictures { .. }
            | Self::NothingInside { .. }
            | Self::NothingToLearn { .. }
            | Self::NoneOfAnyClass { .. }
            | Self::NoClasses { .. }
            | Self::NoLabels { .. }
            | Self::OneClass { .. }
            | Self::Manifest { .. } => ErrorKind::InvalidData,
            Self::Share { .. }
            | Self::Folds { .. }
            | Self::NoColumns { .. }
            | Self::Pattern { .. }
            | Self::MatchesNothing { .. } => ErrorKind::InvalidInput,
        }
    }

    /// The folder or the file that it is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Missing { path }
            | Self::NotAFolder { path }
            | Self::EitherClasses { path, .. }
            | Self::Contents { path, .. }
            | Self::Unreadable { path, .. }
            | Self::NoPictures { path, .. }
            | Self::NothingInside { path, .. }
            | Self::NothingToLearn { path, .. }
            | Self::NoneOfAnyClass { path, .. }
            | Self::NoClasses { path, .. }
            | Self::NoLabels { path, .. }
            | Self::OneClass { path, .. }
            | Self::Manifest { path, .. }
            | Self::NoColumns { path } => Some(path),
            Self::Share { .. }
            | Self::Folds { .. }
            | Self::Pattern { .. }
            | Self::MatchesNothing { .. } => None,
        }
    }
}

/// `; D/dog cannot be read (Permission denied)`, for the first few that were left out.
fn not_looked_into(unreadable: &[Skipped]) -> String {
    const SHOWN: usize = 3;
    let shown = unreadable.iter().take(SHOWN);
    let mut text: String = shown.map(|s| format!("; {} {}", s.path.display(), s.reason)).collect();
    if unreadable.len() > SHOWN {
        text += &format!("; and {} more", unreadable.len() - SHOWN);
    }
    text
}

/// The first names of a list.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", names[..names.len().min(SHOWN)].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let path = || PathBuf::from("pictures");
        let text = || "what is wrong".to_owned();
        headstart_error::assert_kinds! { DataError:
            DataError::Missing { .. } => DataError::Missing { path: path() }, NotFound;
            DataError::NotAFolder { .. } => DataError::NotAFolder { path: path() }, InvalidData;
            DataError::EitherClasses { .. } => DataError::EitherClasses { path: path(), outer: vec![], inner: vec![] }, InvalidData;
            DataError::Contents { .. } => DataError::Contents { path: path(), reason: text().into() }, InvalidData;
            DataError::Unreadable { .. } => DataError::Unreadable { path: path(), cause: io::ErrorKind::PermissionDenied.into() }, PermissionDenied;
            DataError::NoPictures { .. } => DataError::NoPictures { path: path(), unreadable: vec![] }, InvalidData;
            DataError::NothingInside { .. } => DataError::NothingInside { path: path(), left_out: vec![] }, InvalidData;
            DataError::NothingToLearn { .. } => DataError::NothingToLearn { path: path(), pictures: 1 }, InvalidData;
            DataError::NoneOfAnyClass { .. } => DataError::NoneOfAnyClass { path: path(), pictures: 1 }, InvalidData;
            DataError::NoClasses { .. } => DataError::NoClasses { path: path(), pictures: 1 }, InvalidData;
            DataError::NoLabels { .. } => DataError::NoLabels { path: path(), pictures: 1, notes: vec![] }, InvalidData;
            DataError::OneClass { .. } => DataError::OneClass { path: path(), class: text(), unreadable: vec![] }, InvalidData;
            DataError::Share { .. } => DataError::Share { share: 1.0 }, InvalidInput;
            DataError::Folds { .. } => DataError::Folds { folds: 1, groups: 1 }, InvalidInput;
            DataError::Manifest { .. } => DataError::Manifest { path: path(), reason: text().into() }, InvalidData;
            DataError::NoColumns { .. } => DataError::NoColumns { path: path() }, InvalidInput;
            DataError::Pattern { .. } => DataError::Pattern { pattern: text(), reason: text() }, InvalidInput;
            DataError::MatchesNothing { .. } => DataError::MatchesNothing { finds: PatternUse::Labels, pattern: text(), example: text() }, InvalidInput;
        }
    }
}
