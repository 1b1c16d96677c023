use std::io;
use std::path::PathBuf;

/// Why a folder of pictures cannot be used at all.
///
/// What concerns single pictures is no error: it is skipped and listed with its reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Nothing is at this path.
    #[error("{}: no such folder; check the path", path.display())]
    Missing {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file was given where a folder is needed.
    #[error("{}: is a file; give the folder that holds one folder of pictures per class", path.display())]
    NotAFolder {
        /// The path asked for.
        path: PathBuf,
    },
    /// The folder cannot be listed.
    #[error("{}: cannot be read ({source}); check its permissions", path.display())]
    Unreadable {
        /// The path asked for.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No picture lies anywhere below the folder.
    #[error("{}: holds no pictures; put them into one folder per class", path.display())]
    NoPictures {
        /// The path asked for.
        path: PathBuf,
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
    /// Every picture carries the same label.
    #[error(
        "{}: has only the class \"{class}\"; a classifier needs at least two, each a folder of pictures",
        path.display()
    )]
    OneClass {
        /// The path asked for.
        path: PathBuf,
        /// The only class.
        class: String,
    },
    /// The share of pictures held back for validation is not in `0..1`.
    #[error(
        "a validation share of {share} makes no sense; give one from 0 up to, but not including, 1"
    )]
    Share {
        /// The share asked for.
        share: f64,
    },
}
