//! `headstart calibrate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use headstart::data::Subset;
use headstart::files::check_writable;
use headstart::{Classifier, Evaluated, FEWEST_TO_CALIBRATE};
use serde_json::json;

use super::evaluate::{has_learned_from, parse_side};
use super::report;
use crate::calibration::UnknownArgs;
use crate::options::Common;
use crate::output::Output;
use crate::progress::Progress;
use crate::sources::LabelArgs;

#[derive(Debug, Args)]
pub(crate) struct CalibrateArgs {
    /// Model file
    model: PathBuf,
    /// Labelled pictures; those that the model has learned from are left out
    dir: PathBuf,
    /// File to write the model to [default: the input file]
    #[arg(long, short, value_name = "MODEL")]
    output: Option<PathBuf>,
    /// Part of DIR to use: train, validation or test [default: validation or test if DIR is split, what the
    /// model has not learned from otherwise]
    #[arg(long, value_name = "SIDE", value_parser = parse_side)]
    side: Option<Subset>,
    #[command(flatten)]
    unknown: UnknownArgs,
    #[command(flatten)]
    label: LabelArgs,
}

pub(crate) fn run(
    args: &CalibrateArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mut classifier = Classifier::load(&args.model)?;
    let model = args.output.as_ref().unwrap_or(&args.model);
    check_writable(model)?;
    let mut context = common.context(Progress::new("Pictures"))?;
    let asked = args.label.source(&args.dir);
    let Evaluated { evaluation, skipped, learned_from, source, .. } = classifier.calibrate(
        asked.clone(),
        args.side,
        args.unknown.rate(),
        &common.extract()?,
        &mut context,
    )?;
    drop(context);
    classifier.save(model)?;

    let warning = match learned_from {
        Some(learned) if learned > 0 => Some(has_learned_from(learned, evaluation.pictures)),
        _ => None,
    };
    let temperature = classifier.trust().temperature.as_ref();
    let mut event = json!({
        "event": "done",
        "model": model.display().to_string(),
        "pictures": evaluation.pictures,
        "learned_from": learned_from,
        "temperature": temperature.map(headstart::predict::Temperature::values),
        "loss": evaluation.loss,
        "skipped": report::skipped_events(&skipped),
        "warnings": Vec::from_iter(&warning),
    });
    report::calibration_event(&evaluation, &mut event);
    output.event(&event)?;
    report::labelled(output, &asked, &source)?;
    let few = format!("there are too few pictures; {FEWEST_TO_CALIBRATE} or more are enough");
    let enough = evaluation.pictures >= FEWEST_TO_CALIBRATE;
    match temperature.filter(|_| enough).map(headstart::predict::Temperature::values) {
        Some([temperature]) => output.field("Temperature", format!("{temperature:.3}"))?,
        Some(several) => {
            let classes = classifier.classes().iter().zip(several);
            let each: Vec<String> = classes.map(|(name, t)| format!("{name} {t:.3}")).collect();
            output.field("Temperature", each.join(", "))?;
        }
        None => output.field("Temperature", format!("left as it is: {few}"))?,
    }
    report::calibration(output, &evaluation)?;
    report::unknown(output, &evaluation)?;
    if classifier.trust().unknown.is_none() && !args.unknown.is_never() {
        output.field("Unknown", format!("not told: {few}"))?;
    }
    report::skipped(output, &skipped)?;
    if let Some(warning) = warning {
        output.warning(&warning);
    }
    output.field("Model", model.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
