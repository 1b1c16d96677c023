//! `headstart fine-tune`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use headstart::files::check_writable;
use headstart::model::Trainable;
use headstart::{Classifier, Evaluation, Event, FineTuneSummary, FineTuning, PictureSource};
use headstart_report::Report;
use serde_json::json;

use super::page::{PageArgs, title};
use super::report::{self, keep};
use super::train::show::{self, Epochs};
use super::tuning::{self, Own, TuningArgs, checkpoint_of, parse_layer};
use crate::calibration::{CalibrationArgs, UnknownArgs};
use crate::hints;
use crate::options::{Common, named};
use crate::output::{Output, count, duration};
use crate::progress::Progress;
use crate::sources::{DEFAULT_SHARE, DuplicateArgs, SourceArgs, open, parse_share};

#[derive(Debug, Args)]
pub(crate) struct FineTuneArgs {
    /// Model to continue from
    model: PathBuf,
    /// Folder with one folder of pictures per class, a table, or an archive; as for `train`
    dir: PathBuf,
    /// File to write the model to [default: the input file]
    #[arg(long, short, value_name = "MODEL")]
    output: Option<PathBuf>,
    /// Pictures to validate on, like DIR
    #[arg(long, value_name = "DIR", conflicts_with = "val_split")]
    val_dir: Option<PathBuf>,
    /// Share of each class to hold back, of the pictures that the model has not seen [default: 0.2]
    ///
    /// Pictures that were held back before always are again.
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    val_split: Option<f64>,
    /// First layer to train: an index or name from `headstart summary`; 0 for all layers
    #[arg(long, visible_alias = "fine-tune-at", value_name = "LAYER", value_parser = parse_layer, default_value = "100")]
    at: Trainable,
    /// Epochs [default: 10]
    #[arg(long, visible_alias = "fine-tune-epochs", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Learning rate [default: 0.00001]
    #[arg(
        long,
        visible_alias = "fine-tune-learning-rate",
        value_name = "X",
        allow_negative_numbers = true
    )]
    learning_rate: Option<f64>,
    /// Batch size [default: 32]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Stop after N epochs without a lower validation loss and restore the best weights
    ///
    /// If no epoch is better than the model was before, the model stays unchanged.
    #[arg(long, value_name = "N")]
    early_stop: Option<usize>,
    /// Weight the classes equally, however many pictures each has
    #[arg(long)]
    balance: bool,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    duplicates: DuplicateArgs,
    #[command(flatten)]
    tuning: TuningArgs,
    #[command(flatten)]
    calibration: CalibrationArgs,
    #[command(flatten)]
    unknown: UnknownArgs,
    #[command(flatten)]
    page: PageArgs,
}

pub(crate) fn run(
    args: &FineTuneArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let own = Own {
        epochs: args.epochs,
        learning_rate: args.learning_rate,
        batch_size: args.batch_size,
        early_stop: args.early_stop,
        balance: args.balance,
        seed: args.seed,
    };
    let phase = args.tuning.phase(args.at.clone(), own)?;
    let inputs = args.tuning.inputs(args.seed, &common.extract()?);
    let mut classifier = Classifier::load(&args.model)?;
    let model = args.output.as_ref().unwrap_or(&args.model);
    check_writable(model)?;
    args.page.check(Some(model))?;
    let checkpoint = checkpoint_of(model);
    let config = FineTuning::default()
        .with_at(phase.at)
        .with_training(phase.training)
        .with_inputs(inputs)
        .with_calibration(args.calibration.get())
        .with_unknown_rate(args.unknown.rate())
        .with_model(model.clone())
        .with_checkpoint(checkpoint.clone())
        .with_resume(args.tuning.resume);
    let asked = args.source.source(&args.dir);
    let source = classifier.labelled(asked.clone())?;
    report::labelled(output, &asked, &source)?;
    let source = PictureSource::new(source)
        .with_validation_from(args.val_dir.clone())
        .with_validation(args.val_split.unwrap_or(DEFAULT_SHARE), args.seed)
        .with_duplicates(args.duplicates.get());
    let pictures = open(&source, args.val_split.map(|_| "--val-split"))?;
    let pictures = pictures.continuing(classifier.training());
    classifier.check_classes(pictures.classes())?;
    classifier.check_task(pictures.task())?;
    tuning::checked(config.check(classifier.base()))?;
    tuning::of_checkpoint(Some(&checkpoint), config.resume, output);
    let (base, classes) = (named(classifier.base()), count(classifier.classes().len(), "class"));
    output.field("Model", format!("{}, {base}, {classes}", args.model.display()))?;
    report::notes(output, &pictures)?;
    report::several_labels(output, &pictures)?;
    let (mut broken, mut split) = (None, None);
    let mut epochs = Epochs { fine_tune: Some(config.training.epochs), ..Epochs::default() };
    let mut on_event = |event: &Event| {
        keep(
            &mut broken,
            match event {
                Event::Disk(need) => report::disk(output, need),
                &Event::Split { train, validation } => {
                    split = Some((train, validation));
                    output
                        .field("Pictures", format!("{train} to learn from, {validation} held back"))
                }
                other => epochs.show(other, output),
            },
        );
    };
    let mut context = common.context(Progress::new("Pictures").on_event(&mut on_event))?;
    let tuned = classifier.fine_tune(&pictures, &config, &mut context);
    drop(context);
    let tuned = tuned.map_err(|error| match split {
        Some(_) => tuning::interrupted(error, Some(&checkpoint), config.resume),
        None => error.into(),
    })?;
    broken.map_or(Ok(()), Err)?;
    if args.val_split.is_some() && tuned.unseen == Some(0) {
        output.warning(
            "--val-split is not followed: the model has seen all of these pictures, \
             and those that its training held back stay so",
        );
    }
    tuning::report(&tuned, config.training.learning_rate, output)?;
    show::end(&tuned.skipped, &tuned.warnings, model, output)?;
    let page = args.page.file().map_or(Ok(()), |file| {
        let made = Report::of_fine_tune(&classifier, &tuned)
            .with_title(title(model))
            .with_fact("Time", duration(tuned.seconds.total))
            .with_fact("Model", model.display().to_string())
            .with_warnings(hints::warnings(&tuned.warnings))
            .with_skipped(tuned.skipped.iter().map(hints::skipped));
        super::page::write(file, made, (common, output))
    });
    let validation = tuned.validation.as_ref();
    let mut event = json!({
        "event": "done",
        "model": model.display().to_string(),
        "val_accuracy": validation.map(|v| v.accuracy),
        "val_loss": validation.map(|v| v.loss),
        "train": tuned.train,
        "validation": split.map_or(0, |(_, validation)| validation),
        "learned_from": tuned.learned_from,
        "classes": classifier.classes(),
        "per_class": validation.map(Evaluation::per_class_by_name),
        "warnings": hints::warnings(&tuned.warnings),
        "skipped": report::skipped_events(&tuned.skipped),
        "fine_tune": FineTuneSummary::from(&tuned),
    });
    if let Some(figures) = validation.and_then(Evaluation::multi_label_by_name) {
        event["multi_label"] = figures;
    }
    output.event(&event)?;
    page?;
    Ok(ExitCode::SUCCESS)
}
