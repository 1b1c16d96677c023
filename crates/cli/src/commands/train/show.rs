//! Output of training.

use std::io;
use std::path::Path;

use headstart::data::{Augment, Skipped};
use headstart::model::thousands;
use headstart::{
    CrossValidation, Evaluation, Event, FitReport, HeadConfig, Phase, SplitRecord, Spread,
    TrainJob, Trained, Warning,
};

use crate::commands::report::{self, Measured, Thresholds};
use crate::hints;
use crate::output::{Output, count, duration};

/// Prints the events of a job that are not progress.
pub(super) struct Events<'a> {
    job: &'a TrainJob,
    epochs: Epochs,
}

impl<'a> Events<'a> {
    pub(super) fn new(job: &'a TrainJob) -> Self {
        let fine_tune = job.fine_tune.as_ref().map(|tuning| tuning.training.epochs);
        Self { job, epochs: Epochs { head: job.head.epochs(), fine_tune, shown: None } }
    }

    pub(super) fn show(&mut self, event: &Event, output: &Output) -> io::Result<()> {
        match event {
            Event::Disk(need) => report::disk(output, need),
            Event::Note { message } => output.note(message),
            Event::Fitted(report) => fitted(report, self.job, output),
            Event::Expected { seconds } => {
                output.event(event)?;
                output.field("Time", format!("about {}", duration(*seconds)))
            }
            Event::Tried { gain, error, kept } => {
                output.event(event)?;
                let verdict = if *kept { "kept" } else { "left: the frozen base stays" };
                output.field(
                    "Tried",
                    format!("fine-tuning: accuracy {gain:+.3} +- {error:.3} of pictures held back, {verdict}"),
                )
            }
            other => self.epochs.show(other, output),
        }
    }
}

/// Prints a line per epoch.
#[derive(Default)]
pub(in crate::commands) struct Epochs {
    /// Number of epochs of each phase. Epochs of a phase without a number are not printed as text.
    pub(in crate::commands) head: Option<usize>,
    pub(in crate::commands) fine_tune: Option<usize>,
    /// The phase of the epoch that was printed last.
    pub(in crate::commands) shown: Option<Phase>,
}

impl Epochs {
    pub(in crate::commands) fn show(&mut self, event: &Event, output: &Output) -> io::Result<()> {
        let Event::Epoch { phase, epoch } = event else { return Ok(()) };
        output.event(event)?;
        let (name, epochs) = match phase {
            Phase::Head => ("Epochs", self.head),
            Phase::FineTune => ("Fine-tuning", self.fine_tune),
        };
        let label = if self.shown == Some(*phase) { "" } else { name };
        self.shown = Some(*phase);
        let Some(epochs) = epochs else { return Ok(()) };
        let validation = match (epoch.val_loss, epoch.val_accuracy) {
            (Some(loss), Some(accuracy)) => {
                format!("  val_loss {loss:.4}  val_accuracy {accuracy:.4}")
            }
            _ => String::new(),
        };
        let width = epochs.to_string().len();
        output.field(
            label,
            format!(
                "{:>width$}/{}  loss {:.4}  accuracy {:.4}{validation}",
                epoch.epoch, epochs, epoch.loss, epoch.accuracy
            ),
        )
    }
}

/// Prints how the head was trained, and how well it does.
fn fitted(report: &FitReport, job: &TrainJob, output: &Output) -> io::Result<()> {
    let (inputs, fine_tunes) = (&job.run.inputs, job.fine_tune.is_some());
    let cached = match report.cached {
        0 => String::new(),
        n => format!(", {} from the cache", thousands(n)),
    };
    let varied = match (inputs.augment, inputs.views) {
        (Augment::None, _) => String::new(),
        (augment, 0) => format!(", {augment} augmentation drawn afresh each epoch"),
        (augment, views) => format!(", {} of {augment} augmentation", count(views, "view")),
    };
    output.field("Features", format!("{}{cached}{varied}", duration(report.seconds.features)))?;
    let held_back = report.validation.as_ref().map_or(0, |v| v.pictures);
    let together = match report.duplicates {
        0 => String::new(),
        n => format!("; {} kept together", count(n, "duplicate")),
    };
    let measured = match &report.folds {
        Some(folds) => count(folds.folds.len(), "fold"),
        None => format!("{held_back} held back"),
    };
    output.field(
        "Split",
        format!("{} to learn from, {measured}{together}", thousands(report.train)),
    )?;
    let method = match (&job.head, report.strength) {
        (HeadConfig::Lbfgs(_), Some(strength)) => {
            format!("logistic regression, strength C = {strength:.2e}")
        }
        (HeadConfig::Lbfgs(_), None) => "logistic regression".to_owned(),
        (HeadConfig::Adam(_), _) => format!("adam, {}", count(report.epochs.len(), "epoch")),
    };
    output.field("Head", format!("{method}, {}", duration(report.seconds.head)))?;
    if let Some(folds) = &report.folds {
        return cross_validation(folds, output);
    }
    let note = if fine_tunes { ", with the base as it was" } else { "" };
    let (evaluation, measured) = match &report.out_of_fold {
        Some(figures) => (Some(&figures.evaluation), Measured::OutOfFold),
        None => (report.validation.as_ref(), Measured::HeldOut),
    };
    validation(evaluation, &measured, note, !fine_tunes, output)
}

/// Prints that the accuracy of a head is a rough figure, if it was measured on few pictures, and the option that gives
/// a better one, if these pictures can be divided into folds.
pub(super) fn rough_figure(trained: &Trained, job: &TrainJob, output: &Output) -> io::Result<()> {
    // The standard error of an accuracy of 0.8 is 0.06 here.
    const FEW: usize = 50;
    let held_back = trained.fit.validation.as_ref().map_or(0, |v| v.pictures);
    if job.fine_tune.is_some() || !(1..FEW).contains(&held_back) {
        return Ok(());
    }
    let split = trained.classifier.training().and_then(|record| record.origin.split);
    let by_folds =
        matches!(split, Some(SplitRecord::Share { .. })) && job.run.inputs.augment == Augment::None;
    let better = match by_folds {
        true => {
            let all = thousands(trained.fit.train + held_back);
            format!("; --folds 5 measures it on all {all}")
        }
        false => String::new(),
    };
    let few = count(held_back, "held-out picture");
    output.field("Note", format!("accuracy on {few} is only a rough figure{better}"))
}

/// Prints the results of cross-validation: heads measured on pictures that they have not learned from.
fn cross_validation(folds: &CrossValidation, output: &Output) -> io::Result<()> {
    for (index, fold) in folds.folds.iter().enumerate() {
        output.field(
            if index == 0 { "Folds" } else { "" },
            format!(
                "{:>2}  accuracy {:.3}  loss {:.3}  macro recall {:.3}  ({} of {} pictures held out)",
                index + 1,
                fold.accuracy,
                fold.loss,
                fold.macro_recall,
                thousands(fold.validation),
                thousands(fold.train + fold.validation),
            ),
        )?;
    }
    for (name, figure) in
        [("Accuracy", folds.accuracy), ("Loss", folds.loss), ("Recall", folds.macro_recall)]
    {
        let Spread { mean, std } = figure;
        output.field(name, format!("{mean:.3} +- {std:.3} (mean and deviation of the folds)"))?;
    }
    if folds.held_out.multi_label.is_some() {
        let (all, note) =
            (Measured::HeldOut, ", over all folds, whose own are at thresholds of 0.5");
        report::accuracy(output, &folds.held_out, &all, Thresholds::ChosenHere, note)?;
    }
    report::per_class(output, &folds.held_out)?;
    output.field("Note", "the model has learned from all pictures, the folds are for measuring")?;
    Ok(())
}

/// Prints how well a classifier does on the pictures held back, and a note on it.
pub(in crate::commands) fn validation(
    evaluation: Option<&Evaluation>,
    measured: &Measured,
    note: &str,
    per_class: bool,
    output: &Output,
) -> io::Result<()> {
    match evaluation {
        Some(evaluation) => {
            report::accuracy(output, evaluation, measured, Thresholds::ChosenHere, note)?;
            if per_class {
                report::calibration(output, evaluation)?;
                report::per_class(output, evaluation)?;
            }
        }
        None => output.field("Accuracy", "not measured: no pictures were held back")?,
    }
    Ok(())
}

/// Prints the skipped files, the warnings and the model's path.
pub(in crate::commands) fn end(
    skipped: &[Skipped],
    warnings: &[Warning],
    model: &Path,
    output: &Output,
) -> anyhow::Result<()> {
    report::skipped(output, skipped)?;
    for warning in warnings {
        output.warning(&hints::warning(warning));
    }
    output.field(
        "Saved",
        format!("{} ({})", model.display(), crate::output::bytes(std::fs::metadata(model)?.len())),
    )?;
    Ok(())
}
