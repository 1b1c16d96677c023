//! `headstart evaluate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use headstart::data::Subset;
use headstart::{Classifier, Evaluated};
use headstart_report::Report;
use serde_json::json;

use super::page::{PageArgs, title};
use super::report;
use crate::hints;
use crate::options::Common;
use crate::output::{Output, count};
use crate::progress::Progress;
use crate::sources::LabelArgs;

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// Model file, or a bundled base with a classifier (efficientnet-lite0)
    model: String,
    /// Labelled pictures: a folder, a table or an archive, as for `train`
    ///
    /// If it is split into `train` and `validation` or `test`, only the latter is measured. If it is not split,
    /// `--side validation` measures on the pictures that the model has not learned from.
    dir: PathBuf,
    /// Part of DIR to measure on: train, validation or test [default: validation or test if DIR is split,
    /// all of it otherwise]
    #[arg(long, value_name = "SIDE", value_parser = parse_side)]
    side: Option<Subset>,
    /// Folder of pictures of none of the classes, to measure how well they are recognised
    ///
    /// A folder `unknown` in DIR is used in the same way.
    #[arg(long, value_name = "DIR")]
    unknown_dir: Option<PathBuf>,
    #[command(flatten)]
    label: LabelArgs,
    #[command(flatten)]
    page: PageArgs,
}

pub(super) fn parse_side(text: &str) -> Result<Subset, String> {
    Subset::named(text).ok_or_else(|| "give train, validation or test".to_owned())
}

pub(crate) fn run(
    args: &EvaluateArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    args.page.check(Some(args.model.as_ref()))?;
    let classifier = Classifier::open(&args.model)?;
    let mut context = common.context(Progress::new("Pictures"))?;
    let asked = args.label.source(&args.dir);
    let unknown = args.unknown_dir.as_deref();
    let extract = common.extract()?;
    let evaluated =
        classifier.evaluate_beside(asked.clone(), args.side, unknown, &extract, &mut context)?;
    drop(context);
    let Evaluated { evaluation, skipped, learned_from, source, .. } = &evaluated;

    let warning = match *learned_from {
        Some(0) => None,
        Some(learned) => {
            let warning = has_learned_from(learned, evaluation.pictures);
            let others = evaluation.pictures > learned && evaluated.subset.is_none();
            let hint = if others { "; --side validation measures on the others" } else { "" };
            Some(format!("{warning}{hint}"))
        }
        None => classifier.training().map(|_| {
            "the model was trained before models recorded which pictures they learned from; \
             on any of these it does better than on pictures it has not seen"
                .to_owned()
        }),
    };
    let mut event = json!({
        "pictures": evaluation.pictures,
        "learned_from": learned_from,
        "accuracy": evaluation.accuracy,
        "loss": evaluation.loss,
        "classes": evaluation.classes,
        "per_class": evaluation.per_class_by_name(),
        "confusion_matrix": evaluation.confusion,
        "skipped": report::skipped_events(skipped),
        "warnings": Vec::from_iter(&warning),
    });
    if let Some(figures) = evaluation.multi_label_by_name() {
        event["multi_label"] = figures;
    }
    report::calibration_event(evaluation, &mut event);
    output.event(&event)?;
    report::labelled(output, &asked, source)?;
    let measured = report::Measured::On(*learned_from);
    report::accuracy(output, evaluation, &measured, report::Thresholds::Own, "")?;
    output.field("Loss", format!("{:.4}", evaluation.loss))?;
    report::calibration(output, evaluation)?;
    report::unknown(output, evaluation)?;
    report::per_class(output, evaluation)?;
    confusion(output, evaluation)?;
    report::skipped(output, skipped)?;
    if let Some(warning) = &warning {
        output.warning(warning);
    }
    if let Some(file) = args.page.file() {
        let made = Report::of_evaluation(&classifier, &evaluated)
            .with_title(title(args.model.as_ref()))
            .with_fact("Measured on", args.dir.display().to_string())
            .with_warnings(warning)
            .with_skipped(skipped.iter().map(hints::skipped));
        super::page::write(file, made, (common, output))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A warning that the model has learned from `learned` of the `measured` pictures.
pub(super) fn has_learned_from(learned: usize, measured: usize) -> String {
    let these = match learned == measured {
        true => "these pictures".to_owned(),
        false => format!("{learned} of these {}", count(measured, "picture")),
    };
    format!("the model has learned from {these}; on pictures it has not seen it will do worse")
}

/// Prints the confusion matrix, if there are few enough classes for a terminal.
fn confusion(output: &Output, evaluation: &headstart::Evaluation) -> std::io::Result<()> {
    const WIDEST: usize = 15;
    if evaluation.classes.len() > WIDEST || evaluation.confusion.is_empty() {
        return Ok(());
    }
    let names = evaluation.classes.iter().map(|name| name.chars().count());
    let name_width = names.max().unwrap_or(0);
    let most = evaluation.confusion.iter().flatten().max().copied().unwrap_or(0);
    let width = most.to_string().len().max(3);
    output.text(
        "Confusion   rows: the picture's class; columns: the predicted one, in the same order",
    )?;
    for (name, row) in evaluation.classes.iter().zip(&evaluation.confusion) {
        let cells: Vec<String> = row.iter().map(|n| format!("{n:>width$}")).collect();
        output.text(format!("  {name:<name_width$}  {}", cells.join(" ")))?;
    }
    Ok(())
}
