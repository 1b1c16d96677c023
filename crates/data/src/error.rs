use std::io;
use std::path::{Path, PathBuf};

use headstart_error::ErrorKind;
use headstart_files::io_reason;

use crate::Skipped;
use crate::sources::{ListingProblem, Note, PatternUse};

/// The reason why a folder of pictures cannot be used at all.
///
/// Problems with single pictures are not errors: such pictures are skipped and listed with the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The path does not exist.
    #[error("{}: no such file or folder; check the path", path.display())]
    Missing {
        /// The path asked for.
        path: PathBuf,
    },
    /// The path is a file where a folder is required.
    #[error("{}: is a file without pictures; use a folder with one folder of pictures per class, an archive (.tar, .zip) or a table (.csv, .parquet)", path.display())]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// Folders that all contain folders of the same names.
    #[error(
        "{}: {} all hold {}: find labels by '^([^/]+)/' if the former are the classes, \
         by '([^/]+)/[^/]*$' if the latter are, or call the sides of a split train and validation",
        path.display(), some(outer), some(inner)
    )]
    EitherClasses {
        /// The folder that contains them.
        path: PathBuf,
        /// Their names.
        outer: Vec<String>,
        /// The names of the folders in each.
        inner: Vec<String>,
    },
    /// A file that should contain pictures, but cannot be listed.
    #[error("{}: {reason}", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// The problem, and what to do.
        reason: ListingProblem,
    },
    /// The folder cannot be listed. The system's message is part of this error's message and not its source, or
    /// printing the chain would repeat it.
    #[error("{}: cannot be read ({}); check its permissions", path.display(), io_reason(cause))]
    Unreadable {
        /// The path asked for.
        path: PathBuf,
        /// The operating system's error.
        cause: io::Error,
    },
    /// The folder contains no picture at any depth.
    #[error(
        "{}: contains no pictures; put them into one folder per class{}",
        path.display(),
        not_looked_into(unreadable)
    )]
    NoPictures {
        /// The path asked for.
        path: PathBuf,
        /// Unreadable folders in it, which may contain pictures.
        unreadable: Vec<Skipped>,
    },
    /// A file that lists or contains pictures has no usable ones.
    #[error("{}: contains no pictures{}", path.display(), not_looked_into(left_out))]
    NothingInside {
        /// The file asked for.
        path: PathBuf,
        /// The pictures left out.
        left_out: Vec<Skipped>,
    },
    /// All pictures are reserved for validation or testing.
    #[error(
        "{}: has nothing to learn from: {} for validation or testing",
        path.display(),
        if *pictures == 1 { "its picture is".to_owned() } else { format!("all its {pictures} pictures are") }
    )]
    NothingToLearn {
        /// The path asked for.
        path: PathBuf,
        /// Number of its pictures.
        pictures: usize,
    },
    /// In a multi-label data set, no picture has a label.
    #[error("{}: none of its {pictures} pictures has a label; some must", path.display())]
    NoneOfAnyClass {
        /// The path asked for.
        path: PathBuf,
        /// Number of its pictures.
        pictures: usize,
    },
    /// All pictures are in the folder itself and none in a subfolder.
    #[error(
        "{}: its {pictures} pictures lie in no class; move them into one folder per class, as in {}",
        path.display(),
        path.join("CLASS").join("picture.jpg").display()
    )]
    NoClasses {
        /// The path asked for.
        path: PathBuf,
        /// Number of pictures directly in it.
        pictures: usize,
    },
    /// None of the pictures to validate on is of a class of the training pictures.
    #[error("{}: has no pictures of the classes that are trained on", path.display())]
    NothingToValidate {
        /// The folder or file of the pictures to validate on.
        path: PathBuf,
    },
    /// No picture has a label and is available for training.
    #[error(
        "{}: not one of its pictures ({pictures} in all) has a label to learn; put them into one folder per class, or give them a column label{}",
        path.display(),
        notes.iter().map(|note| format!("; {note}")).collect::<String>()
    )]
    NoLabels {
        /// The path asked for.
        path: PathBuf,
        /// Number of its pictures.
        pictures: usize,
        /// How a table was interpreted.
        notes: Vec<Note>,
    },
    /// Every picture has the same label.
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
        /// Unreadable files and folders, which may contain pictures of other classes.
        unreadable: Vec<Skipped>,
    },
    /// The fraction of pictures held back for validation is not in `0..1`.
    #[error("the validation share is {share}; it must be at least 0 and less than 1")]
    Share {
        /// The fraction requested.
        share: f64,
    },
    /// The number of folds is not possible for these pictures.
    #[error(
        "the number of folds is {folds}; it must be at least 2, and at most the number of different pictures or groups ({groups})"
    )]
    Folds {
        /// The number of folds requested.
        folds: usize,
        /// Number of groups of pictures that can be held back.
        groups: usize,
    },
    /// A file that lists pictures cannot be parsed.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The problem, with line and column, and the remedy.
        reason: ListingProblem,
    },
    /// Columns are named for a source that has none.
    #[error("{}: has no columns", path.display())]
    NoColumns {
        /// The folder or the file.
        path: PathBuf,
    },
    /// A regular expression is invalid.
    #[error("{pattern} is not a regular expression: {reason}")]
    Pattern {
        /// The text of the expression.
        pattern: String,
        /// The problem.
        reason: String,
    },
    /// A regular expression that matches no path.
    #[error("{pattern}: matches none of the paths, such as {example}")]
    MatchesNothing {
        /// What it should find.
        finds: PatternUse,
        /// The expression.
        pattern: String,
        /// One of the paths.
        example: String,
    },
}

impl DataError {
    /// The category of the error.
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
            | Self::NothingToValidate { .. }
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

    /// The folder or file concerned.
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
            | Self::NothingToValidate { path }
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

/// `; D/dog cannot be read (Permission denied)`, for the first few of the unreadable folders.
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
            DataError::NothingToValidate { .. } => DataError::NothingToValidate { path: path() }, InvalidData;
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
