//! The errors of this library.

mod about;
mod base;
mod open;

use std::path::{Path, PathBuf};

use headstart_data::{DataError, DecodeError, SkipReason, Skipped, Subset};
use headstart_error::{did_you_mean, system_reason};
use headstart_files::FileError;
use headstart_formats::FormatError;
use headstart_model::ModelError;
use headstart_predict::PredictError;
use headstart_train::{Task, TrainError};

pub use base::BaseError;
pub use open::OpenError;

/// An error of this library. Each message is one line that names the cause and, if there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of a network or its weights.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An error of a weight file.
    #[error(transparent)]
    Format(FormatError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// An error of a folder of pictures.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A picture cannot be decoded.
    ///
    /// The cause is part of the message and not a [`source`](std::error::Error::source), so that it is printed
    /// only once with a chain of errors.
    #[error("{}{cause}", path.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display())))]
    Picture {
        /// The path of the picture; `None` if the caller provided bytes.
        path: Option<PathBuf>,
        /// Why the picture cannot be decoded.
        cause: DecodeError,
    },
    /// An error of training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// An error of a base.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// A model cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Only one class has pictures that can be read.
    #[error(
        "only class \"{class}\" has pictures that can be read ({skipped} cannot); a classifier needs two classes"
    )]
    OneReadableClass {
        /// The class that has readable pictures.
        class: String,
        /// The number of pictures that were skipped.
        skipped: usize,
    },
    /// There are no pictures.
    #[error("there are no pictures")]
    NoPicture,
    /// None of the pictures can be read.
    #[error(
        "{} can be read; the first: {}: {reason}",
        if *skipped == 1 { "not one picture".to_owned() } else { format!("none of the {skipped} pictures") },
        path.display()
    )]
    NoReadablePicture {
        /// The number of pictures.
        skipped: usize,
        /// The first of them.
        path: PathBuf,
        /// The problem.
        reason: SkipReason,
    },
    /// A picture to evaluate on has a class that the model does not have.
    #[error("the model has no class \"{class}\"; it has {}", shorten(known))]
    UnknownClass {
        /// The class.
        class: String,
        /// The model's classes.
        known: Vec<String>,
    },
    /// A class was requested that the model does not have.
    #[error("the model has no class \"{class}\"; {}", did_you_mean(near)
        .unwrap_or_else(|| format!("it has {}", shorten(known))))]
    NoSuchClass {
        /// The class.
        class: String,
        /// Similar names among the model's classes.
        near: Vec<String>,
        /// The model's classes.
        known: Vec<String>,
    },
    /// The classes of the pictures to fine-tune on are not exactly those of the model.
    #[error(
        "the pictures are of {}, but the model has {}; fine-tuning needs pictures of exactly the model's classes",
        shorten(given),
        shorten(known)
    )]
    OtherClasses {
        /// The pictures' classes.
        given: Vec<String>,
        /// The model's classes.
        known: Vec<String>,
    },
    /// There are no labelled pictures to evaluate on.
    #[error("{}: contains no labelled pictures; put them into one folder per class", path.display())]
    NothingToEvaluate {
        /// The folder.
        path: PathBuf,
    },
    /// There are no labelled pictures on the side of the split to evaluate on.
    #[error("{}: contains no labelled pictures for {side}", path.display())]
    NothingOnSide {
        /// The folder, or the file that lists or contains the pictures.
        path: PathBuf,
        /// The side.
        side: Subset,
    },
    /// The model has learned from all of the labelled pictures, so none is left to evaluate or calibrate it on.
    #[error("{}: the model has learned from all of its pictures; take others", path.display())]
    AllLearned {
        /// The folder, or the file that lists or contains the pictures.
        path: PathBuf,
    },
    /// There are pictures of none of the classes, and the model cannot detect unknown pictures.
    #[error(
        "the model cannot recognise unknown pictures: it was imported, trained by an earlier version, for several labels, not to recognise them, or with too few pictures or none held out"
    )]
    CannotTellUnknown,
    /// The number of class names differs from the number of classes.
    #[error("{given} class names were given, but the model has {classes} classes")]
    ClassNames {
        /// The number of names given.
        given: usize,
        /// The number of classes of the model.
        classes: usize,
    },
    /// Invalid class names.
    #[error("class names: {0}")]
    BadClassNames(String),
    /// All pictures to train on are also in the separate validation folder.
    #[error("{}: all {pictures} pictures to learn from are also in the validation folder", path.display())]
    NothingToLearnFrom {
        /// The folder.
        path: PathBuf,
        /// The number of pictures in it.
        pictures: usize,
    },
    /// All training pictures with a weight above 0 are of one class.
    #[error(
        "of the pictures to learn from only those of class \"{class}\" count, since others weigh nothing: give pictures of another class weights above 0"
    )]
    OneClassCounts {
        /// The class.
        class: String,
    },
    /// A file of features cannot be used for training.
    #[error("{}: {reason}", file.display())]
    Features {
        /// The file.
        file: PathBuf,
        /// The problem.
        reason: String,
    },
    /// The features were computed by another base than that of the head.
    #[error("{}: its features are of {features}, not of {base}", file.display())]
    OtherFeatures {
        /// The file.
        file: PathBuf,
        /// The base of the features.
        features: String,
        /// The base of the head.
        base: String,
    },
    /// The file system has too little space for what training stores there.
    #[error("{}: training keeps about {} MB here while it runs, and {} MB are free; make room, or choose another folder", folder.display(), megabytes(*needed), free / 1_000_000)]
    NoRoom {
        /// The folder.
        folder: PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// Pictures being trained on cannot be stored on disk, or read back.
    ///
    /// The system's reason is part of the message and not a source, so that it is printed only once with a
    /// chain of errors.
    #[error("{}: cannot keep the pictures to train on here ({}); choose another folder", folder.display(), system_reason(cause))]
    Scratch {
        /// The folder.
        folder: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The file to resume from is damaged, or not a checkpoint.
    #[error("{}: is not a checkpoint that can be continued ({reason})", file.display())]
    NoCheckpoint {
        /// The file.
        file: PathBuf,
        /// The problem.
        reason: String,
    },
    /// The checkpoint belongs to other pictures, another model or other options.
    #[error("{}: is a checkpoint of another run ({reason})", file.display())]
    OtherRun {
        /// The file.
        file: PathBuf,
        /// The difference.
        reason: String,
    },
    /// An option needs a head trained in epochs, and the chosen head is not.
    #[error("{problem}, which takes a head trained in epochs")]
    TakesEpochs {
        /// The option, as the beginning of the message.
        problem: &'static str,
    },
    /// The model predicts one label and pictures may have several, or the reverse.
    #[error("{}", match model {
        Task::MultiLabel => "the model gives any number of labels, and each picture has one",
        Task::SingleLabel => "the model gives one label, and pictures may have several: train another on them",
    })]
    OtherTask {
        /// The task of the model.
        model: Task,
    },
    /// Options that cannot be used together or have an invalid value.
    #[error("{0}")]
    Options(String),
    /// Training was interrupted, and its progress is saved.
    #[error("interrupted in epoch {epoch} of fine-tuning; {} contains the progress", checkpoint.display())]
    Saved {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The checkpoint.
        checkpoint: PathBuf,
    },
    /// The caller's output could not accept a result.
    #[error("cannot write the result")]
    Output(#[source] std::io::Error),
    /// The loss of fine-tuning diverged; the last good weights are saved.
    #[error("{cause}; {} contains {}", model.display(), kept.map_or_else(|| "the weights from before fine-tuning".to_owned(), |epoch| format!("the weights of epoch {epoch}")))]
    Diverged {
        /// Where and how it diverged. It is part of the message and not a source, so that it is printed only
        /// once with a chain of errors.
        cause: TrainError,
        /// The file that the weights are saved to.
        model: PathBuf,
        /// The epoch of the weights; `None` if they are those from before fine-tuning.
        kept: Option<usize>,
    },
    /// The threads to work on cannot be started.
    #[error("cannot start {} ({reason})", if *threads == 0 { "threads".to_owned() } else { format!("{threads} threads") })]
    Threads {
        /// The number requested; 0 stands for as many as the machine runs at once.
        threads: usize,
        /// The reason.
        reason: String,
    },
    /// Work was cancelled.
    #[error("interrupted")]
    Interrupted,
}

impl From<PredictError> for Error {
    fn from(error: PredictError) -> Self {
        match error {
            PredictError::Picture(cause) => cause.into(),
            other => Self::Options(other.to_string()),
        }
    }
}

/// Errors that also occur elsewhere keep one variant, wherever they come from.
impl From<FormatError> for Error {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Model(error) => Self::Model(error),
            FormatError::Io(error) => Self::File(error),
            error => Self::Format(error),
        }
    }
}

impl From<DecodeError> for Error {
    fn from(cause: DecodeError) -> Self {
        Self::Picture { path: None, cause }
    }
}

impl Error {
    pub(crate) fn of_prediction(picture: &Path, error: PredictError) -> Self {
        match error {
            PredictError::Picture(cause) => Self::Picture { path: Some(picture.to_owned()), cause },
            other => other.into(),
        }
    }

    /// Recovers an error of this library that occurred while reading an input and passed through the engine.
    pub(crate) fn from_input(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(other) => TrainError::Input(other).into(),
        }
    }

    /// Converts an error of training; one of reading an input is this library's own error.
    pub(crate) fn of_training(error: TrainError) -> Self {
        match error {
            TrainError::Stopped => Self::Interrupted,
            TrainError::Input(error) => Self::from_input(error),
            other => other.into(),
        }
    }

    /// The error when none of the pictures could be read.
    pub fn none_readable(skipped: Vec<Skipped>) -> Self {
        let count = skipped.len();
        match skipped.into_iter().next() {
            Some(Skipped { path, reason }) => {
                Self::NoReadablePicture { skipped: count, path, reason }
            }
            None => Self::NoPicture,
        }
    }
}

/// The first few names.
fn shorten(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

/// Megabytes, rounded up, so that a need is never reported as 0.
fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let text = || "x".to_owned();
        let (file, path, folder) = (PathBuf::new, PathBuf::new, PathBuf::new);
        let system = || std::io::Error::from(std::io::ErrorKind::StorageFull);
        let picture = || DecodeError::NotAPicture { what: "text" };
        headstart_error::assert_kinds! { Error:
            Error::Model(_) => ModelError::BadTrainable(text()).into(), InvalidName;
            Error::Format(_) => FormatError::NotAWeightFile { file: text(), reason: text() }.into(), InvalidData;
            Error::File(_) => FileError { action: "write", path: path(), cause: system() }.into(), OutOfSpace;
            Error::Data(_) => DataError::Missing { path: path() }.into(), NotFound;
            Error::Picture { .. } => picture().into(), UnreadablePicture;
            Error::Train(_) => TrainError::NoSamples.into(), InvalidInput;
            Error::Base(_) => BaseError::NotPublished { name: text() }.into(), InvalidName;
            Error::Open(_) => OpenError::KerasModel { file: file() }.into(), InvalidData;
            Error::Train(_) => TrainError::Input(Box::new(Error::Interrupted)).into(), Interrupted;
            Error::Features { .. } => Error::Features { file: file(), reason: text() }, InvalidData;
            Error::OtherFeatures { .. } => Error::OtherFeatures { file: file(), features: text(), base: text() }, InvalidInput;
            Error::OneReadableClass { .. } => Error::OneReadableClass { class: text(), skipped: 1 }, InvalidData;
            Error::NoPicture => Error::none_readable(vec![]), InvalidData;
            Error::NoReadablePicture { .. } => Error::none_readable(vec![Skipped::new(path(), picture())]), UnreadablePicture;
            Error::UnknownClass { .. } => Error::UnknownClass { class: text(), known: vec![] }, InvalidData;
            Error::NoSuchClass { .. } => Error::NoSuchClass { class: text(), near: vec![], known: vec![] }, InvalidName;
            Error::OtherClasses { .. } => Error::OtherClasses { given: vec![], known: vec![] }, InvalidData;
            Error::NothingToEvaluate { .. } => Error::NothingToEvaluate { path: path() }, InvalidData;
            Error::NothingOnSide { .. } => Error::NothingOnSide { path: path(), side: Subset::Test }, InvalidData;
            Error::AllLearned { .. } => Error::AllLearned { path: path() }, InvalidData;
            Error::CannotTellUnknown => Error::CannotTellUnknown, Unsupported;
            Error::ClassNames { .. } => Error::ClassNames { given: 1, classes: 2 }, InvalidName;
            Error::BadClassNames(_) => Error::BadClassNames(text()), InvalidName;
            Error::NothingToLearnFrom { .. } => Error::NothingToLearnFrom { path: path(), pictures: 1 }, InvalidData;
            Error::OneClassCounts { .. } => Error::OneClassCounts { class: text() }, InvalidData;
            Error::NoRoom { .. } => Error::NoRoom { folder: folder(), needed: 2, free: 1 }, OutOfSpace;
            Error::Scratch { .. } => Error::Scratch { folder: folder(), cause: system() }, OutOfSpace;
            Error::NoCheckpoint { .. } => Error::NoCheckpoint { file: file(), reason: text() }, InvalidData;
            Error::OtherRun { .. } => Error::OtherRun { file: file(), reason: text() }, InvalidInput;
            Error::TakesEpochs { .. } => Error::TakesEpochs { problem: "x" }, InvalidInput;
            Error::OtherTask { .. } => Error::OtherTask { model: Task::MultiLabel }, InvalidInput;
            Error::Options(_) => Error::Options(text()), InvalidInput;
            Error::Saved { .. } => Error::Saved { epoch: 1, checkpoint: file() }, Interrupted;
            Error::Output(_) => Error::Output(system()), OutOfSpace;
            Error::Diverged { .. } => Error::Diverged { cause: TrainError::NoSamples, model: file(), kept: None }, InvalidInput;
            Error::Threads { .. } => Error::Threads { threads: 0, reason: text() }, LimitExceeded;
            Error::Interrupted => Error::Interrupted, Interrupted;
        }
    }
}
