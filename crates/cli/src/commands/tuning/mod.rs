//! Fine-tuning: its options, and what it prints.

mod options;

use std::path::{Path, PathBuf};

use headstart::model::thousands;
use headstart::train::{Epoch, TrainError};
use headstart::{
    Base, Classifier, Error, FineTuneRecord, FineTuneReport, FineTuning, Phase, TrainingSet,
};
use serde_json::json;

use super::report::{Measured, keep};
use super::train::show;
use crate::options::Common;
use crate::output::{Output, count, duration};
use crate::progress::Progress;
use crate::usage;
pub(super) use options::{Own, StepArgs, TrainTuningArgs, TuningArgs, parse_layer};

/// Where a run that writes `model` saves what it can go on from.
pub(super) fn checkpoint_of(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".checkpoint");
    name.into()
}

/// What should be known before any work is done: whether `base` can be fine-tuned like this, and
/// what becomes of a checkpoint.
///
/// # Errors
/// A layer that is not there or after which nothing trains, and options that make no sense.
pub(super) fn prepare(config: &FineTuning, base: &Base, output: &Output) -> anyhow::Result<()> {
    config.check(base).map_err(|error| match error {
        Error::Train(TrainError::NothingTrainable) => {
            usage("no layer has weights from there on: there is nothing to fine-tune")
        }
        other => other.into(),
    })?;
    let Some(file) = &config.checkpoint else { return Ok(()) };
    match (config.resume, file.exists()) {
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
    Ok(())
}

/// Fine-tunes, reports and saves.
pub(super) fn fine_tune(
    classifier: &mut Classifier,
    set: &mut TrainingSet,
    config: &FineTuning,
    model: &Path,
    (common, output): (&Common, &Output),
) -> anyhow::Result<FineTuneReport> {
    let mut broken = None;
    let epochs = config.training.epochs;
    let record_before = fine_tune_record(classifier).cloned();
    let mut first = true;
    let mut on_epoch = |epoch: &Epoch| {
        let label = if std::mem::take(&mut first) { "Fine-tuning" } else { "" };
        keep(&mut broken, show::epoch(output, (Phase::FineTune, label), Some(epochs), epoch));
    };
    let mut context = common.context(Progress::new("Views").on_epoch(&mut on_epoch))?;
    let tuned = classifier.fine_tune_on(set, config, &mut context);
    drop(context);
    broken.map_or(Ok(()), Err)?;
    let report = match tuned {
        Ok(report) => report,
        Err(error @ Error::Train(TrainError::Diverged { .. })) => {
            classifier.save(model)?;
            // The same would happen again from there.
            config.discard();
            let tuned = fine_tune_record(classifier);
            let tuned = tuned.filter(|tuned| Some(*tuned) != record_before.as_ref());
            let kept = tuned.map_or("the weights from before fine-tuning".to_owned(), |tuned| {
                let epoch = tuned.best_epoch.unwrap_or(tuned.epochs.len());
                format!("the weights of epoch {epoch}")
            });
            return Err(anyhow::anyhow!("{error}; {} keeps {kept}", model.display()));
        }
        Err(error @ Error::Interrupted) => {
            let file = config.checkpoint.as_ref().filter(|file| config.resume && file.exists());
            let message = file.map_or("interrupted before fine-tuning began".to_owned(), |file| {
                format!(
                    "interrupted; {} is as it was: run the same command to go on",
                    file.display()
                )
            });
            return Err(anyhow::Error::new(error).context(message));
        }
        Err(other) => return Err(other.into()),
    };
    classifier.save(model)?;
    config.discard();
    let options = &config.training;
    output.field(
        "Fine-tuned",
        format!(
            "from {} on, {} parameters, learning rate {:e}, {}",
            report.first_layer,
            thousands(report.trainable),
            options.learning_rate,
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
    Ok(report)
}

/// How its base was fine-tuned last.
fn fine_tune_record(classifier: &Classifier) -> Option<&FineTuneRecord> {
    classifier.training().and_then(|training| training.fine_tune.as_ref())
}

/// What a program is told of it at the end.
pub(super) fn event(report: &FineTuneReport) -> serde_json::Value {
    json!({
        "first_layer": report.first_layer,
        "trainable": report.trainable,
        "epochs": report.epochs.len(),
        "best_epoch": report.best_epoch,
        "stopped_early": report.stopped_early,
        "resumed": report.resumed,
        "val_accuracy_before": report.before.as_ref().map(|v| v.accuracy),
        "val_loss_before": report.before.as_ref().map(|v| v.loss),
        "seconds": report.seconds,
    })
}
