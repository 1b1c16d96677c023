//! `headstart train`.

mod head;
pub(super) mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use headstart::files::check_writable;
use headstart::model::thousands;
use headstart::train::Epoch;
use headstart::{
    Base, Classifier, FineTuneReport, FineTuning, FitConfig, FitReport, Phase, Pictures,
    TrainingSet,
};
use serde_json::json;

use super::report;
use super::tuning::{TrainTuningArgs, fine_tune, prepare};
use crate::hints;
use crate::options::{BaseArgs, Common, resizing};
use crate::output::{Output, count, quoted};
use crate::progress::Progress;
use crate::sources::{DuplicateArgs, SourceArgs, SplitArgs};
use crate::usage;
pub(super) use head::HeadArgs;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Folder with one folder of pictures per class, or with `train` and `validation` folders; or a
    /// manifest, .csv, .jsonl or .parquet, with the columns path and label, and optional split, group, weight;
    /// or a .tar or .zip archive of such folders, a folder of archives, or a Parquet file of pictures
    dir: PathBuf,
    /// File to write the model to [default: the folder's name with .safetensors]
    #[arg(long, short, value_name = "MODEL")]
    output: Option<PathBuf>,
    /// Whatever is random follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    split: SplitArgs,
    #[command(flatten)]
    duplicates: DuplicateArgs,
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    head: HeadArgs,
    #[command(flatten)]
    tuning: TrainTuningArgs,
}

pub(crate) fn run(args: &TrainArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let extract = common.extract()?;
    let tuning = args.tuning.config(&args.head, args.seed, &extract)?;
    let smoothing = args.tuning.options.label_smoothing();
    let head = args.head.config(args.seed, tuning.is_some(), smoothing)?;
    let (augment, views) = args.tuning.options.views();
    let folds = args.split.folds();
    if folds.is_some() && tuning.is_some() {
        return Err(usage(
            "--folds measures heads on a frozen base: leave out --fine-tune-at, or measure on --val-split",
        ));
    }
    let config = FitConfig { head, extract, augment, views, seed: args.seed, folds };
    config.check().map_err(|error| usage(hints::error(&error)))?;
    let pictures = args.split.open(args.source.source(&args.dir), args.seed)?;
    let pictures = args.duplicates.apply(pictures);
    let model = args.output.clone().unwrap_or_else(|| default_model(&args.dir));
    // Better now than after an hour of work.
    check_writable(&model)?;
    if let Some(file) = &args.split.export_split {
        pictures.check_export(file)?;
    }
    let mut base = args.base.load(output)?;
    let classifier = match tuning {
        None => train(base, &pictures, &config, &model, (common, output))?.0,
        Some(mut tuning) => {
            tuning.checkpoint = Some(super::tuning::checkpoint_of(&model));
            prepare(&tuning, &base, output)?;
            base.apply(&tuning.at)?;
            train_both(base, &pictures, (&config, &tuning), &model, (common, output))?
        }
    };
    if let (Some(file), Some(record)) = (&args.split.export_split, classifier.training()) {
        let left_out = pictures.export_split(&record.validation, file)?;
        if let Some(first) = left_out.first() {
            let (file, left_out) = (file.display(), left_out.len());
            let what = count(left_out, "picture");
            output.warning(&format!(
                "{file}: {what} left out, whose names are not UTF-8, such as {}",
                first.path.display()
            ));
        }
    }
    if let (Some(file), true) = (&args.split.export_split, pictures.source().multi_label) {
        output.field("Split file", format!("{}, to be read with --multi-label", file.display()))?;
    }
    let model = quoted(&model.display().to_string());
    output.text("")?;
    output.text(format!("Try it with:  headstart predict {model} PICTURE..."))?;
    Ok(ExitCode::SUCCESS)
}

/// Trains, reports and saves; the part that the demo has in common.
pub(super) fn train(
    base: Base,
    pictures: &Pictures,
    config: &FitConfig,
    model: &Path,
    (common, output): (&Common, &Output),
) -> anyhow::Result<(Classifier, FitReport)> {
    describe(&base, pictures, output)?;
    report::disk(output, &config.disk_need(&base, pictures, None)?)?;
    let mut broken = None;
    let mut on_epoch = |epoch: &Epoch| report::keep(&mut broken, head_epoch(output, config, epoch));
    let mut context = common.context(Progress::new("Features").on_epoch(&mut on_epoch))?;
    let fitted = Classifier::fit(base, pictures, config, &mut context);
    drop(context);
    let (classifier, report) = fitted.map_err(|error| match error {
        headstart::Error::Interrupted if config.extract.cache.is_some() => {
            anyhow::Error::new(error).context(
                "interrupted; the features computed so far are kept: run the same command to go on",
            )
        }
        other => other.into(),
    })?;
    broken.map_or(Ok(()), Err)?;
    classifier.save(model)?;
    show::fitted(&report, config, false, output)?;
    show::end(&report.skipped, &report.warnings, model, output)?;
    output.event(&done(&classifier, pictures, &report, None, model))?;
    Ok((classifier, report))
}

/// Both phases on pictures that are decoded once.
fn train_both(
    base: Base,
    pictures: &Pictures,
    (config, tuning): (&FitConfig, &FineTuning),
    model: &Path,
    (common, output): (&Common, &Output),
) -> anyhow::Result<Classifier> {
    describe(&base, pictures, output)?;
    report::disk(output, &config.disk_need(&base, pictures, Some(tuning))?)?;
    let mut context = common.context(Progress::new("Pictures"))?;
    let mut set = TrainingSet::new(&base, pictures, &config.extract, &mut context)?;
    drop(context);
    let (mut classifier, report) = match tuning.interrupted(&set, &config.head)? {
        Some(classifier) => (classifier, None),
        None => {
            let mut broken = None;
            let mut on_epoch = |epoch: &Epoch| {
                report::keep(&mut broken, head_epoch(output, config, epoch));
            };
            let mut context = common.context(Progress::new("Features").on_epoch(&mut on_epoch))?;
            let (classifier, report) =
                Classifier::fit_on(&mut set, config, Some(&tuning.at), &mut context)?;
            drop(context);
            broken.map_or(Ok(()), Err)?;
            show::fitted(&report, config, true, output)?;
            // Whatever happens to the second phase, the first is done.
            classifier.save(model)?;
            (classifier, Some(report))
        }
    };
    let tuned = fine_tune(&mut classifier, &mut set, tuning, model, (common, output))?;
    let mut report = report.unwrap_or_else(|| FitReport::of_resumed(&tuned));
    for warning in &tuned.warnings {
        if !report.warnings.contains(warning) {
            report.warnings.push(warning.clone());
        }
    }
    show::end(&tuned.skipped, &report.warnings, model, output)?;
    output.event(&done(&classifier, pictures, &report, Some(&tuned), model))?;
    Ok(classifier)
}

fn head_epoch(output: &Output, config: &FitConfig, epoch: &Epoch) -> std::io::Result<()> {
    let label = if epoch.epoch == 1 { "Epochs" } else { "" };
    show::epoch(output, (Phase::Head, label), config.head.epochs(), epoch)
}

fn done(
    classifier: &Classifier,
    pictures: &Pictures,
    report: &FitReport,
    tuned: Option<&FineTuneReport>,
    model: &Path,
) -> serde_json::Value {
    let validation = tuned.map_or(&report.validation, |tuned| &tuned.validation).as_ref();
    let folds = report.folds.as_ref();
    let measured = validation.or(folds.map(|folds| &folds.held_out));
    let mut event = json!({
        "event": "done",
        "model": model.display().to_string(),
        "val_accuracy": validation.map(|v| v.accuracy),
        "val_loss": validation.map(|v| v.loss),
        "pictures": report.train + validation.map_or(0, |v| v.pictures),
        "train": report.train,
        "validation": validation.map_or(0, |v| v.pictures),
        "classes": classifier.classes(),
        "notes": pictures.notes().iter().map(hints::note).collect::<Vec<_>>(),
        "per_class": measured.map(report::per_class_event),
        "duplicates": report.duplicates,
        "from_cache": report.cached,
        "strength": report.strength,
        "warnings": hints::warnings(&report.warnings),
        "skipped": report::skipped_events(&report.skipped),
        "seconds": report.seconds,
    });
    if let Some(figures) = report::multi_label_event(measured) {
        event["multi_label"] = figures;
    }
    if let Some(folds) = folds {
        event["folds"] = json!({
            "accuracy": folds.accuracy,
            "loss": folds.loss,
            "macro_recall": folds.macro_recall,
            "folds": folds.folds,
        });
    }
    if let Some(tuned) = tuned {
        event["fine_tune"] = super::tuning::event(tuned);
    }
    event
}

pub(super) fn describe(base: &Base, pictures: &Pictures, output: &Output) -> std::io::Result<()> {
    let network = base.network();
    let size = network.preprocessing();
    output.field(
        "Base",
        format!(
            "{} at {} x {}{}, {} parameters, {}",
            network.architecture(),
            size.height,
            size.width,
            resizing(network),
            thousands(network.total_params()),
            match network.trainable_params() {
                0 => "all frozen".to_owned(),
                n => format!("{} trainable", thousands(n)),
            },
        ),
    )?;
    output.field(
        "Pictures",
        format!(
            "{} in {} ({}){}",
            thousands(pictures.len()),
            count(pictures.classes().len(), "class"),
            pictures.root().display(),
            match pictures.tests() {
                0 => String::new(),
                n => format!(", {} more kept for testing", thousands(n)),
            },
        ),
    )?;
    report::notes(output, pictures)?;
    report::several_labels(output, pictures)
}

/// The name of the folder, or of the file without its ending, with `.safetensors`, in the current
/// folder.
fn default_model(dir: &Path) -> PathBuf {
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = if full.is_file() { full.file_stem() } else { full.file_name() };
    let name = name.map_or("model".into(), |name| name.to_string_lossy().into_owned());
    PathBuf::from(format!("{name}.safetensors"))
}
