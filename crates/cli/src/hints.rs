//! Adds the command's options and subcommands to the library's messages.
//!
//! The library never names an option of the command. Only this module does.

use std::error::Error as StdError;

use headstart::data::cache::{CacheWarning, NotKept};
use headstart::data::sources::{ColumnUse, ListingProblem, Note, PatternUse};
use headstart::data::{DataError, DecodeError, SkipReason, Skipped};
use headstart::predict::NoLabelSet;
use headstart::train::Task;
use headstart::{Assumption, BaseError, Error, FetchError, OpenError, Published, Warning};

use crate::output::quoted;

/// An error and its causes, on one line.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    error.chain().map(worded).collect::<Vec<_>>().join(": ")
}

/// An error without its causes.
fn worded(error: &(dyn StdError + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<Error>() {
        return self::error(error);
    }
    if let Some(error) = error.downcast_ref::<NoLabelSet>() {
        return no_label_set(error);
    }
    match error.downcast_ref::<DataError>() {
        Some(error) => data_error(error),
        None => error.to_string(),
    }
}

/// The message of a library error, with a hint on how to fix it.
pub(crate) fn error(error: &Error) -> String {
    let hint = match error {
        Error::Data(error) => return data_error(error),
        Error::Picture { cause, .. } => of_decoding(cause),
        Error::NoReadablePicture { reason, .. } => of_skipping(reason),
        Error::Base(error) => return base_error(error),
        Error::CannotTellUnknown => {
            "; `headstart calibrate MODEL PICTURES` learns it from labelled pictures"
        }
        Error::Open(OpenError::KerasModel { .. }) => "; turn it into one with `headstart import`",
        Error::Open(OpenError::WeightFile { .. }) => {
            "; weights are used with `headstart train --weights`"
        }
        Error::OneClassCounts { .. } => ", or take other --folds or another --val-split",
        Error::NoRoom { .. } | Error::Scratch { .. } => " with --cache-dir",
        Error::NoCheckpoint { .. } | Error::OtherRun { .. } => "; remove --resume to start again",
        Error::Saved { .. } => ": go on with the same command and --resume",
        Error::OtherFeatures { .. } => {
            "; --base, --weights, --input-size, --resize and --fit say of which"
        }
        Error::TakesEpochs { .. } => ": --head adam",
        Error::OtherTask { model: Task::MultiLabel } => ": add --multi-label",
        _ => "",
    };
    format!("{error}{hint}")
}

fn base_error(error: &BaseError) -> String {
    let hint = match error {
        BaseError::NotBundled { name, .. } if Published::is_of(name) => {
            return format!(
                "{error}; `headstart bases get {name}` fetches some, or give a file with --weights"
            );
        }
        BaseError::NotBundled { .. } | BaseError::NotPublished { .. } => {
            "; give a file with --weights"
        }
        BaseError::Fetch { published, cause } => return fetch_error(published, cause),
        BaseError::Unfit { published, .. } => return or_elsewhere(published, &error.to_string()),
        BaseError::Damaged { .. } => {
            "; `headstart bases remove BASE` removes it, and `get` or `add` brings it back"
        }
        BaseError::NotStored { .. } => "; `headstart bases` lists those that are",
        BaseError::UnknownWeights { .. } => {
            "; `headstart bases` lists them, and --base NAME shows what is missing for one"
        }
        _ => "",
    };
    format!("{error}{hint}")
}

/// Why weights could not be fetched, and how to get them in another way.
fn fetch_error(published: &Published, cause: &FetchError) -> String {
    let kept = match cause {
        FetchError::Cancelled => {
            return "interrupted; what has arrived is kept, and the same command goes on"
                .to_owned();
        }
        FetchError::File(_) => return cause.to_string(),
        FetchError::Unreachable { received, .. } if *received > 0 => {
            "; what has arrived is kept, and the same command goes on"
        }
        _ => "",
    };
    or_elsewhere(published, &format!("{cause}{kept}"))
}

/// A problem with published weights, and how to get them in another way.
fn or_elsewhere(published: &Published, problem: &str) -> String {
    let file = published.file();
    // If a mirror was asked, the message gives the publisher's own address.
    let what = if problem.starts_with(published.url) { "it" } else { published.url };
    format!(
        "{problem}; or fetch {what} with another computer, and type here: headstart bases add {file}"
    )
}

/// A hint that names the option which lets the server start.
#[cfg(feature = "serve")]
pub(crate) fn serve_error(error: &headstart_serve::ServeError) -> &'static str {
    use headstart_serve::ServeError;
    match error {
        ServeError::NeedsToken { .. } => {
            ": give --token (or HEADSTART_TOKEN), or --no-auth if everybody may"
        }
        ServeError::Listen { .. } => "; take another with --listen",
        ServeError::NotLoopback { .. } => " with --listen",
        ServeError::BadName { .. } | ServeError::SameName { .. } => "; name it by NAME=MODEL",
        ServeError::ShortQueue { .. } => ": take a longer --queue, or fewer --max-pictures",
        _ => "",
    }
}

fn data_error(error: &DataError) -> String {
    let hint = match error {
        DataError::EitherClasses { .. } => "; --label-from finds labels",
        DataError::NoClasses { .. } => ", or take --label-from",
        DataError::NoLabels { notes, .. } if notes.iter().any(lacks_labels) => {
            "; --label-column names that of the labels, and --label-from finds them in paths"
        }
        DataError::NoLabels { .. } => "; or take --label-from",
        DataError::NoColumns { .. } => {
            "; remove --path-column, --label-column and --label-separator"
        }
        DataError::Contents { path, reason } | DataError::Manifest { path, reason } => {
            return format!("{}: {}", path.display(), listing_problem(reason));
        }
        DataError::MatchesNothing { finds, .. } => {
            let option = match finds {
                PatternUse::Labels => "--label-from",
                PatternUse::Groups => "--group-from",
            };
            return format!("{option} {error}");
        }
        _ => "",
    };
    format!("{error}{hint}")
}

fn listing_problem(problem: &ListingProblem) -> String {
    match problem {
        ListingProblem::NoPathColumn { .. } => format!("{problem} with --path-column"),
        ListingProblem::NoLabels { .. } => format!("{problem} with --labels"),
        ListingProblem::NoSuchColumn { holds: ColumnUse::Path, .. } => {
            format!("--path-column {problem}")
        }
        ListingProblem::NoSuchColumn { holds: ColumnUse::Labels, .. } => {
            format!("--label-column {problem}")
        }
        _ => problem.to_string(),
    }
}

/// Why a picture cannot be decoded.
pub(crate) fn decode_error(error: &DecodeError) -> String {
    format!("{error}{}", of_decoding(error))
}

fn of_decoding(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::TooMuchMemory { .. } | DecodeError::FileTooLarge { .. } => " (see --memory)",
        _ => "",
    }
}

/// Why a file was skipped.
pub(crate) fn reason(reason: &SkipReason) -> String {
    match reason {
        SkipReason::Unlisted { reason } => listing_problem(reason),
        _ => format!("{reason}{}", of_skipping(reason)),
    }
}

fn of_skipping(reason: &SkipReason) -> &'static str {
    if let SkipReason::Content(error) = reason { of_decoding(error) } else { "" }
}

/// A skipped file and the reason.
pub(crate) fn skipped(skipped: &Skipped) -> String {
    format!("{}: {}", skipped.path.display(), reason(&skipped.reason))
}

/// A note on how a source was interpreted.
pub(crate) fn note(note: &Note) -> String {
    match note {
        Note::OneOfLabelColumns(_) => format!("{note} (--label-column names another)"),
        Note::NoLabelColumn(_) => format!("{note} (--label-column names that of the labels)"),
        Note::SeveralLabels { separator, .. } => {
            format!("{note}: --label-separator \"{separator}\" takes them apart")
        }
        _ => note.to_string(),
    }
}

fn lacks_labels(note: &Note) -> bool {
    matches!(note, Note::NoLabelColumn(_))
}

/// A warning that follows training.
pub(crate) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::Pictures { root, .. } => {
            let root = quoted(&root.display().to_string());
            format!("{warning}; see: headstart audit {root}")
        }
        Warning::StillFalling { .. } => format!(
            "{warning}; take more --epochs or a higher --learning-rate, which `headstart lr-find` finds"
        ),
        Warning::Worse { early_stop: true, .. } => {
            format!("{warning}; try a lower --fine-tune-learning-rate")
        }
        Warning::Worse { .. } => format!(
            "{warning}; add --early-stop, which keeps the best model, or try a lower \
             --fine-tune-learning-rate"
        ),
        Warning::TrustLost => {
            format!("{warning}; `headstart calibrate MODEL PICTURES` teaches it")
        }
        Warning::Cache(warning) => cache_warning(warning),
        _ => warning.to_string(),
    }
}

/// All warnings, as text.
pub(crate) fn warnings(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(warning).collect()
}

/// Why features are not cached.
pub(crate) fn cache_warning(warning: &CacheWarning) -> String {
    match warning.reason {
        NotKept::LimitReached => format!(
            "{}: features cannot be kept (the limit is reached: see --cache-limit); the next run will \
             compute them again",
            warning.root.display()
        ),
        _ => warning.to_string(),
    }
}

/// What was assumed where a file is ambiguous.
pub(crate) fn assumption(assumption: &Assumption) -> String {
    match assumption {
        Assumption::OtherPrefixes { others, .. } => match others.first() {
            Some(other) => {
                format!("{assumption}; for others there is --weights-prefix '{other}'")
            }
            None => assumption.to_string(),
        },
        Assumption::AlsoFits { others, timm, .. } => match others.first() {
            Some(other) => {
                let called = if *timm { ", timm's tf_ models" } else { "" };
                format!("{assumption}: if it is of that{called}, give --base {other}")
            }
            None => assumption.to_string(),
        },
        Assumption::ClassesBeside { .. } => format!("{assumption}; --classes gives others"),
        _ => assumption.to_string(),
    }
}

#[cfg(test)]
mod tests;

/// Why there is no label set, and how to get one.
fn no_label_set(error: &NoLabelSet) -> String {
    match error {
        NoLabelSet::NotLearned | NoLabelSet::TooFew(_) | NoLabelSet::TooFewOf { .. } => {
            format!(
                "{error}; `headstart calibrate MODEL PICTURES` learns it from labelled pictures"
            )
        }
        other => other.to_string(),
    }
}
