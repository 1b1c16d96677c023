//! Fine-tuning: its options, and what it prints.

mod options;

use std::path::{Path, PathBuf};

use headstart::engine::train::{Epoch, TrainError};
use headstart::model::thousands;
use headstart::{Classifier, Error, FineTuneReport, FineTuning, TrainingSet};
use serde_json::json;

use super::train::{keep, show};
use crate::output::{Output, count, duration};
use crate::progress::Progress;
pub(super) use options::{Own, StepArgs, TrainTuningArgs, TuningArgs, parse_layer};

/// Where a run that writes `model` saves what it can go on from.
pub(super) fn checkpoint_of(model: &Path) -> PathBuf {
    let mut name = model.as_os_str().to_owned();
    name.push(".checkpoint");
    name.into()
}

/// Fine-tunes, reports and saves.
pub(super) fn fine_tune(
    classifier: &mut Classifier,
    set: &mut TrainingSet,
    config: &FineTuning,
    model: &Path,
    output: &Output,
) -> anyhow::Result<FineTuneReport> {
    let left = config.checkpoint.as_ref().filter(|file| !config.resume && file.exists());
    if let Some(file) = left {
        let file = file.display();
        output.warning(&format!(
            "{file} of an interrupted run is being overwritten (--resume would have gone on from it)"
        ));
    }
    let mut broken = None;
    let epochs = config.training.epochs;
    let mut on_epoch =
        |epoch: &Epoch| keep(&mut broken, show::epoch(output, "fine-tune", Some(epochs), epoch));
    let mut progress = Progress::new("Views").on_epoch(&mut on_epoch);
    let tuned = classifier.fine_tune_on(set, config, &mut progress);
    drop(progress);
    broken.map_or(Ok(()), Err)?;
    let report = match tuned {
        Ok(report) => report,
        Err(error @ Error::Train(TrainError::Diverged { .. })) => {
            classifier.save(model)?;
            let model = model.display();
            let kept = format!("{model} keeps the weights of the last good epoch");
            return Err(anyhow::anyhow!("{error}; {kept}"));
        }
        Err(other) => return Err(other.into()),
    };
    classifier.save(model)?;
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
        let done = count(report.resumed, "epoch");
        output.field("", format!("{done} of them by an earlier, interrupted run"))?;
    }
    match (report.stopped_early, report.best_epoch) {
        (true, Some(best)) => output.field(
            "",
            format!("stopped after {}; took epoch {best}", count(report.epochs.len(), "epoch")),
        )?,
        (false, Some(best)) => output.field("", format!("took epoch {best}, the best"))?,
        _ => {}
    }
    if let Some(before) = &report.before {
        output.field("Before", format!("{:.3} accuracy", before.accuracy))?;
    }
    show::validation(report.validation.as_ref(), "held-out", true, output)?;
    Ok(report)
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
