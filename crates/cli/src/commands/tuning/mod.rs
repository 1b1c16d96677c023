//! Options and output of fine-tuning.

mod options;

use std::path::{Path, PathBuf};

use headstart::model::thousands;
use headstart::train::TrainError;
use headstart::{Error, FineTuneReport};

use super::report::Measured;
use super::train::show;
use crate::output::{Output, count, duration};
use crate::usage;
pub(super) use options::{Own, StepArgs, TrainTuningArgs, TuningArgs, parse_layer};

/// The checkpoint file of a run that writes `model`.
pub(super) fn checkpoint_of(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".checkpoint");
    name.into()
}

/// Converts the result of a check whether the base can be fine-tuned as asked.
///
/// # Errors
/// If the layer does not exist, if no layer from there on can be trained, or if the options make no sense.
pub(super) fn checked(result: Result<(), Error>) -> anyhow::Result<()> {
    result.map_err(|error| match error {
        Error::Train(TrainError::NothingTrainable) => {
            usage("no layer from there on has weights; there is nothing to fine-tune")
        }
        other => other.into(),
    })
}

/// Warns, before the run, that a checkpoint will be overwritten or that there is none to resume from.
pub(super) fn of_checkpoint(file: Option<&Path>, resume: bool, output: &Output) {
    let Some(file) = file else { return };
    match (resume, file.exists()) {
        (false, true) => output.warning(&format!(
            "{} of an interrupted run will be overwritten (--resume would go on from it)",
            file.display(),
        )),
        (true, false) => output.warning(&format!(
            "there is no {} to go on from: this run starts anew",
            file.display(),
        )),
        _ => {}
    }
}

/// Converts an error of fine-tuning. For an interruption, the message says what to resume from.
pub(super) fn interrupted(error: Error, file: Option<&Path>, resume: bool) -> anyhow::Error {
    if !matches!(error, Error::Interrupted) {
        return error.into();
    }
    let file = file.filter(|file| resume && file.exists());
    let message = file.map_or("interrupted before fine-tuning began".to_owned(), |file| {
        format!("interrupted; {} is as it was: run the same command to go on", file.display())
    });
    anyhow::Error::new(error).context(message)
}

/// Prints the result of fine-tuning at this learning rate.
pub(super) fn report(
    report: &FineTuneReport,
    learning_rate: f64,
    output: &Output,
) -> anyhow::Result<()> {
    output.field(
        "Fine-tuned",
        format!(
            "from {} on, {} parameters, learning rate {:e}, {}",
            report.first_layer,
            thousands(report.trainable),
            learning_rate,
            duration(report.seconds.total),
        ),
    )?;
    if report.resumed > 0 {
        let (done, all) = (report.resumed, count(report.epochs.len(), "epoch"));
        output.field("", format!("{done} of {all} by an earlier, interrupted run"))?;
    }
    let stopped = report.stopped_early;
    let stopped = stopped.then(|| format!("stopped after {}", count(report.epochs.len(), "epoch")));
    let taken = report.best_epoch.map(|best| match best {
        0 => "kept the model from before: no epoch was better".to_owned(),
        best => format!("took epoch {best}, the best"),
    });
    let ended: Vec<String> = stopped.into_iter().chain(taken).collect();
    if !ended.is_empty() {
        output.field("", ended.join("; "))?;
    }
    let before = report.before.as_ref();
    let before = before.map(|before| {
        let of_labels = before.multi_label.as_ref().and_then(|own| own.mean_average_precision);
        format!(", {:.3} before fine-tuning", of_labels.unwrap_or(before.accuracy))
    });
    let measured = Measured::held_back(report.learned_from);
    let before = before.unwrap_or_default();
    show::validation(report.validation.as_ref(), &measured, &before, true, output)?;
    Ok(())
}
