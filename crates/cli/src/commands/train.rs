//! `headstart train`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use headstart::engine::train::{AdamConfig, ClassWeight, Epoch, LogisticConfig};
use headstart::model::{atomic::check_writable, thousands};
use headstart::{Base, Classifier, FitConfig, FitReport, HeadConfig, Pictures};
use serde_json::json;

use super::report;
use crate::options::{BaseArgs, Common};
use crate::output::{Output, count, duration, quoted};
use crate::progress::Progress;
use crate::usage;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Folder with one folder of pictures per class, or with `train` and `validation` folders
    dir: PathBuf,
    /// File to write the model to [default: the folder's name with .safetensors]
    #[arg(long, short, value_name = "MODEL")]
    output: Option<PathBuf>,
    /// Folder of pictures to measure on, with one folder per class
    #[arg(long, value_name = "DIR", conflicts_with = "val_split")]
    val_dir: Option<PathBuf>,
    /// Share of each class to hold back and measure on [default: 0.2]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    val_split: Option<f64>,
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    head: HeadArgs,
    /// Whatever is random follows from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct HeadArgs {
    /// How the head is fitted
    #[arg(long, value_enum, default_value_t = Method::Lbfgs)]
    head: Method,
    /// Weight the pictures such that all classes count alike
    #[arg(long)]
    balance: bool,
    /// Strength C of the logistic regression: larger fits closer [default: chosen on the data]
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    strength: Option<f64>,
    /// Passes over the pictures, with --head adam [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Step size, with --head adam [default: 0.0001]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Pictures in a step, with --head adam [default: 32]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Share of the features dropped while training, with --head adam [default: 0.2]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    dropout: Option<f32>,
    /// Stop when the validation loss has not fallen for N epochs, with --head adam
    #[arg(long, value_name = "N")]
    early_stop: Option<usize>,
}

const ADAM_ONLY: [&str; 5] = ["epochs", "learning_rate", "batch_size", "dropout", "early_stop"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Regularised logistic regression: nothing to tune, done in a moment
    Lbfgs,
    /// Gradient steps as in Keras's tutorial
    Adam,
}

impl HeadArgs {
    fn config(&self, seed: u64) -> anyhow::Result<HeadConfig> {
        let class_weight = if self.balance { ClassWeight::Balanced } else { ClassWeight::Uniform };
        if self.head == Method::Lbfgs {
            let given = [
                self.epochs.is_some(),
                self.learning_rate.is_some(),
                self.batch_size.is_some(),
                self.dropout.is_some(),
                self.early_stop.is_some(),
            ];
            if let Some(at) = given.iter().position(|&given| given) {
                let option = ADAM_ONLY[at].replace('_', "-");
                let message =
                    format!("--{option} has no meaning for --head lbfgs; add --head adam");
                return Err(usage(message));
            }
            let mut config = LogisticConfig { seed, class_weight, ..LogisticConfig::default() };
            if let Some(strength) = self.strength {
                config.strength = headstart::engine::train::Strength::Fixed(strength);
            }
            return Ok(HeadConfig::Lbfgs(config));
        }
        if self.strength.is_some() {
            return Err(usage("--strength has no meaning for --head adam"));
        }
        let default = AdamConfig::default();
        Ok(HeadConfig::Adam(AdamConfig {
            learning_rate: self.learning_rate.unwrap_or(default.learning_rate),
            epochs: self.epochs.map_or(default.epochs, |epochs| epochs as usize),
            batch_size: self.batch_size.unwrap_or(default.batch_size),
            dropout: self.dropout.unwrap_or(default.dropout),
            early_stop: self.early_stop,
            seed,
            class_weight,
            ..default
        }))
    }
}

/// Of each class, the share that is held back.
const DEFAULT_SHARE: f64 = 0.2;

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("give a share from 0 up to, but not including, 1".to_owned()),
    }
}

pub(crate) fn run(args: &TrainArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let head = args.head.config(args.seed)?;
    head.check().map_err(usage)?;
    let pictures = match &args.val_dir {
        Some(validation) => Pictures::open_both(&args.dir, validation)?,
        None => Pictures::open(&args.dir)?,
    };
    if pictures.is_split() && args.val_split.is_some() {
        let dir = args.dir.display();
        let message = format!("{dir}: has a validation folder of its own; leave out --val-split");
        return Err(usage(message));
    }
    let pictures = pictures.with_validation(args.val_split.unwrap_or(DEFAULT_SHARE), args.seed);
    let model = args.output.clone().unwrap_or_else(|| default_model(&args.dir));
    // Better now than after an hour of work.
    check_writable(&model)?;
    let base = args.base.load()?;
    let config = FitConfig { head, extract: common.extract()? };
    train(base, &pictures, &config, &model, output)?;
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
    output: &Output,
) -> anyhow::Result<(Classifier, FitReport)> {
    describe(&base, pictures, output)?;
    let mut broken = None;
    let mut on_epoch = |epoch: &Epoch| {
        if let Err(error) = show_epoch(output, &config.head, epoch) {
            broken = Some(error);
        }
    };
    let fitted = Classifier::fit(
        base,
        pictures,
        config,
        &mut Progress::new("Features").on_epoch(&mut on_epoch),
    );
    let (classifier, report) = fitted.map_err(|error| match error {
        headstart::Error::Interrupted if config.extract.cache.is_some() => {
            anyhow::Error::new(error).context(
                "interrupted; the features computed so far are kept: run the same command to go on",
            )
        }
        other => other.into(),
    })?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    classifier.save(model)?;
    show_report(&report, config, model, output)?;
    output.event(&json!({
        "event": "done",
        "model": model.display().to_string(),
        "val_accuracy": report.validation.as_ref().map(|v| v.accuracy),
        "val_loss": report.validation.as_ref().map(|v| v.loss),
        "pictures": report.train + report.validation.as_ref().map_or(0, |v| v.pictures),
        "train": report.train,
        "validation": report.validation.as_ref().map_or(0, |v| v.pictures),
        "classes": classifier.classes(),
        "per_class": report.validation.as_ref().map(report::per_class_event),
        "duplicates": report.duplicates,
        "from_cache": report.cached,
        "strength": report.strength,
        "warnings": report.warnings,
        "skipped": report::skipped_events(&report.skipped),
        "seconds": report.seconds,
    }))?;
    Ok((classifier, report))
}

fn describe(base: &Base, pictures: &Pictures, output: &Output) -> std::io::Result<()> {
    let network = base.network();
    let size = network.preprocessing();
    output.field(
        "Base",
        format!(
            "{} at {} x {}, {} parameters, {}",
            network.architecture(),
            size.height,
            size.width,
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
            "{} in {} ({})",
            thousands(pictures.len()),
            count(pictures.classes().len(), "class"),
            pictures.root().display(),
        ),
    )
}

fn show_epoch(output: &Output, head: &HeadConfig, epoch: &Epoch) -> std::io::Result<()> {
    output.event(&json!({
        "event": "epoch",
        "phase": "head",
        "epoch": epoch.epoch,
        "loss": epoch.loss,
        "accuracy": epoch.accuracy,
        "val_loss": epoch.val_loss,
        "val_accuracy": epoch.val_accuracy,
        "seconds": epoch.seconds,
    }))?;
    let HeadConfig::Adam(config) = head else { return Ok(()) };
    let validation = match (epoch.val_loss, epoch.val_accuracy) {
        (Some(loss), Some(accuracy)) => {
            format!("  val_loss {loss:.4}  val_accuracy {accuracy:.4}")
        }
        _ => String::new(),
    };
    let width = config.epochs.to_string().len();
    output.field(
        if epoch.epoch == 1 { "Epochs" } else { "" },
        format!(
            "{:>width$}/{}  loss {:.4}  accuracy {:.4}{validation}",
            epoch.epoch, config.epochs, epoch.loss, epoch.accuracy
        ),
    )
}

fn show_report(
    report: &FitReport,
    config: &FitConfig,
    model: &Path,
    output: &Output,
) -> anyhow::Result<()> {
    let cached = match report.cached {
        0 => String::new(),
        n => format!(", {} from the cache", thousands(n)),
    };
    output.field("Features", format!("{}{cached}", duration(report.seconds.features)))?;
    let held_back = report.validation.as_ref().map_or(0, |v| v.pictures);
    let together = match report.duplicates {
        0 => String::new(),
        n => format!("; {} kept together", count(n, "duplicate")),
    };
    output.field(
        "Split",
        format!("{} to learn from, {held_back} held back{together}", thousands(report.train)),
    )?;
    let method = match (&config.head, report.strength) {
        (HeadConfig::Lbfgs(_), Some(strength)) => {
            format!("logistic regression, strength C = {strength:.2e}")
        }
        (HeadConfig::Lbfgs(_), None) => "logistic regression".to_owned(),
        (HeadConfig::Adam(_), _) => format!("adam, {}", count(report.epochs.len(), "epoch")),
    };
    output.field("Head", format!("{method}, {}", duration(report.seconds.head)))?;
    match &report.validation {
        Some(validation) => {
            report::accuracy(output, validation, "held-out ")?;
            report::per_class(output, validation)?;
        }
        None => output.field("Accuracy", "not measured: no pictures were held back")?,
    }
    report::skipped(output, &report.skipped)?;
    for warning in &report.warnings {
        output.warning(warning);
    }
    output.field(
        "Saved",
        format!("{} ({})", model.display(), crate::output::bytes(std::fs::metadata(model)?.len())),
    )?;
    Ok(())
}

/// The folder's name with `.safetensors`, in the current folder.
fn default_model(dir: &Path) -> PathBuf {
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = full.file_name().map_or("model".into(), |name| name.to_string_lossy().into_owned());
    PathBuf::from(format!("{name}.safetensors"))
}
