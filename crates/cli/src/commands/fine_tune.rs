//! `headstart fine-tune`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use headstart::files::check_writable;
use headstart::model::Trainable;
use headstart::{Classifier, TrainingSet};
use serde_json::json;

use super::report;
use super::train::show;
use super::tuning::{self, Own, TuningArgs, checkpoint_of, parse_layer};
use crate::hints;
use crate::options::{Common, resizing};
use crate::output::{Output, count};
use crate::progress::Progress;
use crate::sources::{DEFAULT_SHARE, DuplicateArgs, SourceArgs, open, parse_share};

#[derive(Debug, Args)]
pub(crate) struct FineTuneArgs {
    /// Model to go on from
    model: PathBuf,
    /// Folder with one folder of pictures per class, or with `train` and `validation` folders; or a
    /// manifest (.csv, .parquet), an archive or a Parquet file of pictures
    dir: PathBuf,
    /// File to write the model to [default: the one it is read from]
    #[arg(long, short, value_name = "MODEL")]
    output: Option<PathBuf>,
    /// Pictures to measure on: a folder or a manifest like DIR
    #[arg(long, value_name = "DIR", conflicts_with = "val_split")]
    val_dir: Option<PathBuf>,
    /// Share of each class to hold back and measure on, of the pictures that the model has not seen;
    /// those that its training held back always are [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    val_split: Option<f64>,
    /// Train the base from this layer on: its index or name (`headstart summary` lists them),
    /// or 0 for everything
    #[arg(long, visible_alias = "fine-tune-at", value_name = "LAYER", value_parser = parse_layer, default_value = "100")]
    at: Trainable,
    /// Passes over the pictures [default: 10]
    #[arg(long, visible_alias = "fine-tune-epochs", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Step size [default: 0.00001]
    #[arg(
        long,
        visible_alias = "fine-tune-learning-rate",
        value_name = "X",
        allow_negative_numbers = true
    )]
    learning_rate: Option<f64>,
    /// Pictures in a step [default: 32]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Stop when the validation loss has not fallen for N epochs, and take the best epoch's weights:
    /// where none is better than the model was before, it stays as it was
    #[arg(long, value_name = "N")]
    early_stop: Option<usize>,
    /// Weight the pictures such that all classes count alike
    #[arg(long)]
    balance: bool,
    /// Whatever is random follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    duplicates: DuplicateArgs,
    #[command(flatten)]
    tuning: TuningArgs,
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
    let extract = common.extract()?;
    let mut config = args.tuning.config(args.at.clone(), own, &extract)?;
    let mut classifier = Classifier::load(&args.model)?;
    let model = args.output.as_ref().unwrap_or(&args.model);
    check_writable(model)?;
    config.checkpoint = Some(checkpoint_of(model));
    let asked = args.source.source(&args.dir);
    let source = classifier.labelled(asked.clone())?;
    report::labelled(output, &asked, &source)?;
    let pictures = open(source, args.val_dir.as_deref(), args.val_split.map(|_| "--val-split"))?
        .with_validation(args.val_split.unwrap_or(DEFAULT_SHARE), args.seed)
        .continuing(classifier.training());
    let pictures = args.duplicates.apply(pictures);
    classifier.check_classes(pictures.classes())?;
    classifier.check_task(pictures.task())?;
    tuning::prepare(&config, classifier.base(), output)?;
    let network = classifier.base().network();
    let classes = count(classifier.classes().len(), "class");
    let (name, resizing) = (network.name(), resizing(network));
    let model_line = format!("{}, {name}{resizing}, {classes}", args.model.display());
    output.field("Model", model_line)?;
    report::notes(output, &pictures)?;
    report::several_labels(output, &pictures)?;
    report::disk(output, &config.disk_need(classifier.base(), &pictures)?)?;
    let mut context = common.context(Progress::new("Pictures"))?;
    let mut set = TrainingSet::new(classifier.base(), &pictures, &extract, &mut context)?;
    drop(context);
    output.field(
        "Pictures",
        format!("{} to learn from, {} held back", set.train(), set.validation()),
    )?;
    if args.val_split.is_some() && set.unseen() == Some(0) {
        output.warning(
            "--val-split is not followed: the model has seen all of these pictures, \
             and those that its training held back stay so",
        );
    }
    let tuned = tuning::fine_tune(&mut classifier, &mut set, &config, model, (common, output))?;
    show::end(&tuned.skipped, &tuned.warnings, model, output)?;
    let validation = tuned.validation.as_ref();
    let mut event = json!({
        "event": "done",
        "model": model.display().to_string(),
        "val_accuracy": validation.map(|v| v.accuracy),
        "val_loss": validation.map(|v| v.loss),
        "train": set.train(),
        "validation": set.validation(),
        "learned_from": tuned.learned_from,
        "classes": classifier.classes(),
        "per_class": validation.map(report::per_class_event),
        "warnings": hints::warnings(&tuned.warnings),
        "skipped": report::skipped_events(&tuned.skipped),
        "fine_tune": tuning::event(&tuned),
    });
    if let Some(figures) = report::multi_label_event(validation) {
        event["multi_label"] = figures;
    }
    output.event(&event)?;
    Ok(ExitCode::SUCCESS)
}
