//! What a caller can do about an error, and the file that it is about.

use std::path::Path;

use headstart_error::ErrorKind;
use headstart_train::TrainError;

use super::Error;

impl Error {
    /// What can be done about the error. Exit statuses, HTTP statuses and exceptions follow from it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Model(error) => error.kind(),
            Self::Format(error) => error.kind(),
            Self::File(error) => error.kind(),
            Self::Data(error) => error.kind(),
            Self::Picture { cause, .. } => cause.kind(),
            Self::Train(error) => match error {
                TrainError::View { source, .. } | TrainError::Input(source) => {
                    source.downcast_ref().map_or_else(|| error.kind(), Self::kind)
                }
                _ => error.kind(),
            },
            Self::NoSuchClass { .. } | Self::ClassNames { .. } | Self::BadClassNames(_) => {
                ErrorKind::InvalidName
            }
            Self::Base(error) => error.kind(),
            Self::Open(error) => error.kind(),
            Self::OtherFeatures { .. }
            | Self::OtherRun { .. }
            | Self::TakesEpochs { .. }
            | Self::OtherTask { .. }
            | Self::Options(_) => ErrorKind::InvalidInput,
            Self::Features { .. }
            | Self::NoPicture
            | Self::OneReadableClass { .. }
            | Self::UnknownClass { .. }
            | Self::OtherClasses { .. }
            | Self::NothingToEvaluate { .. }
            | Self::NothingOnSide { .. }
            | Self::AllLearned { .. }
            | Self::NothingToLearnFrom { .. }
            | Self::OneClassCounts { .. }
            | Self::NoCheckpoint { .. } => ErrorKind::InvalidData,
            Self::CannotTellUnknown => ErrorKind::Unsupported,
            Self::Threads { .. } => ErrorKind::LimitExceeded,
            Self::Diverged { cause, .. } => cause.kind(),
            Self::NoReadablePicture { reason, .. } => reason.kind(),
            Self::NoRoom { .. } => ErrorKind::OutOfSpace,
            Self::Scratch { cause, .. } | Self::Output(cause) => cause.kind().into(),
            Self::Saved { .. } | Self::Interrupted => ErrorKind::Interrupted,
        }
    }

    /// The file or folder that the error is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Model(error) => error.path(),
            Self::Format(error) => error.path(),
            Self::File(error) => Some(&error.path),
            Self::Data(error) => error.path(),
            Self::Picture { path, .. } => path.as_deref(),
            Self::Features { file, .. }
            | Self::OtherFeatures { file, .. }
            | Self::NoCheckpoint { file, .. }
            | Self::OtherRun { file, .. } => Some(file),
            Self::NoReadablePicture { path, .. }
            | Self::NothingToEvaluate { path }
            | Self::NothingOnSide { path, .. }
            | Self::AllLearned { path }
            | Self::NothingToLearnFrom { path, .. } => Some(path),
            Self::NoRoom { folder, .. } | Self::Scratch { folder, .. } => Some(folder),
            Self::Base(error) => error.path(),
            Self::Open(error) => Some(error.path()),
            Self::Saved { checkpoint, .. } => Some(checkpoint),
            Self::Diverged { model, .. } => Some(model),
            Self::Train(_)
            | Self::CannotTellUnknown
            | Self::NoPicture
            | Self::OneReadableClass { .. }
            | Self::UnknownClass { .. }
            | Self::NoSuchClass { .. }
            | Self::OtherClasses { .. }
            | Self::ClassNames { .. }
            | Self::BadClassNames(_)
            | Self::OneClassCounts { .. }
            | Self::TakesEpochs { .. }
            | Self::OtherTask { .. }
            | Self::Options(_)
            | Self::Threads { .. }
            | Self::Output(_)
            | Self::Interrupted => None,
        }
    }
}
