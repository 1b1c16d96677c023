use headstart_error::ErrorKind;

use super::Task;

/// An error in training. Each message names the thing concerned and, if there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// There are no samples.
    #[error("there are no samples to train on")]
    NoSamples,
    /// All samples belong to one class, or only one class is declared.
    #[error("all samples are of class {class}; training needs at least two classes")]
    OneClass {
        /// The index of the only class.
        class: usize,
    },
    /// In a multi-label task, every class contains either all samples or none.
    #[error("all samples have the same labels; training needs samples with and without a class")]
    AllAlike,
    /// Samples of one class each for a multi-label head, or the reverse.
    #[error(
        "the head is for samples of {}, and these are of {}",
        classes_of(*head),
        classes_of(*samples)
    )]
    OtherTask {
        /// The head's task.
        head: Task,
        /// The samples' task.
        samples: Task,
    },
    /// A feature is NaN or infinite.
    #[error("the features of sample {row} are not all finite (feature {column} is {value})")]
    NonFiniteFeature {
        /// The sample, counted from 0.
        row: usize,
        /// The feature, counted from 0.
        column: usize,
        /// Its value.
        value: f32,
    },
    /// A label is not the index of a class.
    #[error("sample {row} has label {label}, but there are {classes} classes")]
    NoSuchClass {
        /// The sample, counted from 0.
        row: usize,
        /// Its label.
        label: usize,
        /// The number of classes.
        classes: usize,
    },
    /// Soft targets are not probabilities.
    #[error("the soft targets of sample {row} are not probabilities that add up to 1")]
    NotProbabilities {
        /// The sample, counted from 0.
        row: usize,
    },
    /// There are soft targets where only labels are supported.
    #[error("logistic regression takes labels, not soft targets; train with Adam instead")]
    SoftTargets,
    /// A view of the samples is not available.
    #[error("view {view} of the samples is not available")]
    View {
        /// The view, counted from 0.
        view: usize,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The length of an array does not match the samples.
    #[error("{what}: {found} values, where {expected} are needed")]
    Length {
        /// The array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The expected length.
        expected: usize,
    },
    /// An option has an invalid value.
    #[error("{option} is {value}; {expected}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: String,
        /// The valid values.
        expected: &'static str,
    },
    /// Every layer is frozen.
    #[error("every layer of the base is frozen; there is nothing to fine-tune")]
    NothingTrainable,
    /// A layer through which gradients cannot be propagated.
    #[error("layer {layer} is a {class}, which cannot be fine-tuned")]
    Untrainable {
        /// Its name.
        layer: String,
        /// Keras's name of its kind.
        class: &'static str,
    },
    /// A saved state belongs to an optimizer other than the one to be restored.
    #[error(
        "the saved optimizer keeps {}, where this one keeps {}: it is another, or has other options",
        or_nothing(found),
        or_nothing(expected)
    )]
    OtherOptimizer {
        /// The slots of the state, separated by commas.
        found: String,
        /// The slots of the optimizer.
        expected: String,
    },
    /// A picture is not available.
    #[error(transparent)]
    Input(Box<dyn std::error::Error + Send + Sync>),
    /// A checkpoint lacks a tensor.
    #[error("the checkpoint has no {name}: it is of another network or other options")]
    Incomplete {
        /// The tensor.
        name: String,
    },
    /// The callback stopped the work before it was complete.
    #[error("training was stopped")]
    Stopped,
    /// The loss became NaN, infinite or absurdly high, or the gradients NaN or infinite.
    #[error(
        "{} in epoch {epoch}, batch {batch}: the learning rate of {} is probably too high; try a \
         tenth of it",
        what_diverged(*loss),
        readable(*learning_rate)
    )]
    Diverged {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch in that epoch, counted from 1.
        batch: usize,
        /// The loss.
        loss: f64,
        /// The learning rate.
        learning_rate: f64,
    },
}

impl TrainError {
    /// The category of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSamples
            | Self::OneClass { .. }
            | Self::AllAlike
            | Self::OtherTask { .. }
            | Self::NonFiniteFeature { .. }
            | Self::NoSuchClass { .. }
            | Self::NotProbabilities { .. }
            | Self::SoftTargets
            | Self::Length { .. }
            | Self::Option { .. }
            | Self::NothingTrainable
            | Self::Untrainable { .. }
            | Self::Diverged { .. } => ErrorKind::InvalidInput,
            Self::OtherOptimizer { .. } | Self::Incomplete { .. } => ErrorKind::InvalidData,
            Self::View { source, .. } | Self::Input(source) => {
                ErrorKind::from(&**source as &(dyn std::error::Error + 'static))
            }
            Self::Stopped => ErrorKind::Interrupted,
        }
    }
}

fn classes_of(task: Task) -> &'static str {
    match task {
        Task::SingleLabel => "one class each",
        Task::MultiLabel => "any number of classes",
    }
}

/// A number in digits, or with an exponent if there would be too many.
pub(crate) fn readable(value: f64) -> String {
    let size = value.abs();
    match value.is_finite() && size > 0.0 && !(1e-4..1e7).contains(&size) {
        true => format!("{value:e}"),
        false => value.to_string(),
    }
}

/// A loss from which training does not recover: it takes logits of this magnitude.
const LOST: f64 = 1e6;

/// Whether a mean loss is NaN, infinite or absurdly high.
pub(crate) fn is_lost(loss: f64) -> bool {
    loss.is_nan() || loss >= LOST
}

fn what_diverged(loss: f64) -> String {
    match is_lost(loss) {
        true => format!("the loss became {loss:.3e}"),
        false => format!("the gradients became NaN or infinite (at a loss of {loss:.3e})"),
    }
}

fn or_nothing(list: &str) -> &str {
    if list.is_empty() { "nothing" } else { list }
}

pub(crate) fn check_length(
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), TrainError> {
    match found == expected {
        true => Ok(()),
        false => Err(TrainError::Length { what, found, expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let of_the_caller = || "its own words".into();
        let of_the_system = || Box::new(std::io::Error::from(std::io::ErrorKind::NotFound));
        headstart_error::assert_kinds! { TrainError:
            TrainError::NoSamples => TrainError::NoSamples, InvalidInput;
            TrainError::OneClass { .. } => TrainError::OneClass { class: 1 }, InvalidInput;
            TrainError::AllAlike => TrainError::AllAlike, InvalidInput;
            TrainError::OtherTask { .. } => TrainError::OtherTask { head: Task::SingleLabel, samples: Task::MultiLabel }, InvalidInput;
            TrainError::NonFiniteFeature { .. } => TrainError::NonFiniteFeature { row: 1, column: 2, value: f32::NAN }, InvalidInput;
            TrainError::NoSuchClass { .. } => TrainError::NoSuchClass { row: 1, label: 2, classes: 2 }, InvalidInput;
            TrainError::NotProbabilities { .. } => TrainError::NotProbabilities { row: 1 }, InvalidInput;
            TrainError::SoftTargets => TrainError::SoftTargets, InvalidInput;
            TrainError::View { .. } => TrainError::View { view: 1, source: of_the_caller() }, Internal;
            TrainError::View { .. } => TrainError::View { view: 1, source: of_the_system() }, NotFound;
            TrainError::Length { .. } => TrainError::Length { what: "features", found: 1, expected: 2 }, InvalidInput;
            TrainError::Option { .. } => TrainError::Option { option: "epochs", value: "0".to_owned(), expected: "from 1" }, InvalidInput;
            TrainError::NothingTrainable => TrainError::NothingTrainable, InvalidInput;
            TrainError::Untrainable { .. } => TrainError::Untrainable { layer: "x".to_owned(), class: "Dense" }, InvalidInput;
            TrainError::OtherOptimizer { .. } => TrainError::OtherOptimizer { found: String::new(), expected: "velocity".to_owned() }, InvalidData;
            TrainError::Input(_) => TrainError::Input(of_the_caller()), Internal;
            TrainError::Input(_) => TrainError::Input(of_the_system()), NotFound;
            TrainError::Incomplete { .. } => TrainError::Incomplete { name: "x".to_owned() }, InvalidData;
            TrainError::Stopped => TrainError::Stopped, Interrupted;
            TrainError::Diverged { .. } => TrainError::Diverged { epoch: 1, batch: 1, loss: 1e9, learning_rate: 1.0 }, InvalidInput;
        }
    }
}
