//! Fine-tuning: its options, and what it prints.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use headstart::data::Augment;
use headstart::engine::train::clip::Clip;
use headstart::engine::train::network::BatchNorm;
use headstart::engine::train::optimizers::OptimizerConfig;
use headstart::engine::train::schedules::{CosineDecay, OneCycle, Schedule};
use headstart::engine::train::{ClassWeight, Epoch, FineTuneConfig, TrainError};
use headstart::model::{Trainable, thousands};
use headstart::{
    Base, Classifier, DEFAULT_VIEWS, Error, ExtractConfig, FineTuneReport, FineTuning, TrainingSet,
};
use serde_json::json;

use super::train::{keep, show};
use crate::output::{Output, count, duration};
use crate::progress::Progress;
use crate::usage;

/// What the commands that fine-tune have in common.
#[derive(Debug, Args)]
#[command(next_help_heading = "Augmentation and fine-tuning")]
pub(crate) struct TuningArgs {
    /// How pictures are varied: none, tutorial (flip, rotation), standard (flip, crop, colour) or
    /// strong (all of these, mixup and CutMix)
    #[arg(long, value_name = "KIND", default_value_t = Augment::None)]
    augment: Augment,
    /// Varied views of each picture that are computed once, and cycled through; 0 for other ones in
    /// every epoch
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VIEWS)]
    views: usize,
    /// What fine-tuning steps with: sgd, rmsprop, adam or adamw [default: rmsprop]
    #[arg(long, value_name = "NAME", value_parser = parse_optimizer)]
    optimizer: Option<OptimizerConfig>,
    /// Momentum of --optimizer sgd [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    momentum: Option<f64>,
    /// How the learning rate of fine-tuning goes
    #[arg(long, value_enum, default_value_t = ScheduleKind::Constant)]
    schedule: ScheduleKind,
    /// Steps that the rate rises for, with --schedule cosine [default: 0]
    #[arg(long, value_name = "STEPS")]
    warm_up: Option<usize>,
    /// Largest norm of all gradients of fine-tuning together
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    clip_norm: Option<f64>,
    /// Share of the weights, but for biases and BatchNorm, that a step takes off per unit of
    /// learning rate [default: 0; 0.004 with adamw]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// Share of a label that is spread over all classes [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    label_smoothing: Option<f32>,
    /// Each block of layers learns at this share of the rate of the one above it [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    layer_decay: Option<f64>,
    /// Take an exponential moving average of the weights, with this momentum (such as 0.99)
    #[arg(long, value_name = "MOMENTUM", allow_negative_numbers = true)]
    ema: Option<f64>,
    /// BatchNorm of trainable layers: by its moving statistics, which stay, or by the batch's
    #[arg(long, value_enum, default_value_t = BnMode::Inference)]
    bn: BnMode,
    /// Go on from the checkpoint of an interrupted run
    #[arg(long)]
    resume: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScheduleKind {
    /// The same all the time
    Constant,
    /// Up for --warm-up steps, then half a cosine down to 0
    Cosine,
    /// Up for three tenths of the steps, then down to nearly 0
    OneCycle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BnMode {
    /// By the moving statistics, which never change
    Inference,
    /// By the statistics of the batch
    Train,
}

fn parse_optimizer(name: &str) -> Result<OptimizerConfig, TrainError> {
    name.parse()
}

/// Options of fine-tuning that each command has under names of its own.
pub(super) struct Own {
    pub(super) epochs: Option<u32>,
    pub(super) learning_rate: Option<f64>,
    pub(super) batch_size: Option<usize>,
    pub(super) early_stop: Option<usize>,
    pub(super) balance: bool,
    pub(super) seed: u64,
}

impl TuningArgs {
    /// How pictures are varied, and in how many views.
    pub(super) fn views(&self) -> (Augment, usize) {
        (self.augment, self.views)
    }

    /// The first option that was given and is of fine-tuning alone.
    fn of_fine_tuning(&self) -> Option<&'static str> {
        let given = [
            ("--optimizer", self.optimizer.is_some()),
            ("--momentum", self.momentum.is_some()),
            ("--schedule", self.schedule != ScheduleKind::Constant),
            ("--warm-up", self.warm_up.is_some()),
            ("--clip-norm", self.clip_norm.is_some()),
            ("--weight-decay", self.weight_decay.is_some()),
            ("--layer-decay", self.layer_decay.is_some()),
            ("--ema", self.ema.is_some()),
            ("--bn", self.bn != BnMode::Inference),
            ("--resume", self.resume),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    pub(super) fn label_smoothing(&self) -> f32 {
        self.label_smoothing.unwrap_or(0.0)
    }

    /// # Errors
    /// Options that make no sense.
    pub(super) fn config(
        &self,
        at: Trainable,
        own: Own,
        extract: &ExtractConfig,
    ) -> anyhow::Result<FineTuning> {
        use headstart::engine::train::optimizers::{Algorithm, Sgd};
        let default = FineTuneConfig::default();
        let mut optimizer = self.optimizer.unwrap_or(default.optimizer);
        if let Some(decay) = self.weight_decay {
            optimizer.weight_decay = decay;
        }
        if let Some(momentum) = self.momentum {
            let Algorithm::Sgd(sgd) = optimizer.algorithm else {
                return Err(usage("--momentum has no meaning but with --optimizer sgd"));
            };
            optimizer.algorithm = Algorithm::Sgd(Sgd { momentum, ..sgd });
        }
        if self.warm_up.is_some() && self.schedule != ScheduleKind::Cosine {
            return Err(usage("--warm-up has no meaning but with --schedule cosine"));
        }
        let warmup_steps = self.warm_up.unwrap_or(0);
        let training = FineTuneConfig {
            learning_rate: own.learning_rate.unwrap_or(default.learning_rate),
            epochs: own.epochs.map_or(default.epochs, |epochs| epochs as usize),
            batch_size: own.batch_size.unwrap_or(default.batch_size),
            optimizer,
            schedule: match self.schedule {
                ScheduleKind::Constant => Schedule::Constant,
                ScheduleKind::Cosine => {
                    Schedule::CosineDecay(CosineDecay { warmup_steps, ..CosineDecay::default() })
                }
                ScheduleKind::OneCycle => Schedule::OneCycle(OneCycle::default()),
            },
            clip: self.clip_norm.map(Clip::GlobalNorm),
            label_smoothing: self.label_smoothing(),
            class_weight: match own.balance {
                true => ClassWeight::Balanced,
                false => ClassWeight::Uniform,
            },
            layer_decay: self.layer_decay.unwrap_or(default.layer_decay),
            average: self.ema,
            early_stop: own.early_stop,
            bn: match self.bn {
                BnMode::Inference => BatchNorm::Inference,
                BnMode::Train => BatchNorm::Train,
            },
            seed: own.seed,
            ..default
        };
        training.check().map_err(usage)?;
        Ok(FineTuning {
            at,
            training,
            augment: self.augment,
            views: self.views,
            seed: own.seed,
            extract: extract.clone(),
            checkpoint: None,
            resume: self.resume,
        })
    }
}

/// An index or the name of a layer.
pub(super) fn parse_layer(text: &str) -> Result<Trainable, headstart::model::ModelError> {
    format!("from:{text}").parse()
}

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
    output: &Output,
) -> anyhow::Result<FineTuneReport> {
    let mut broken = None;
    let epochs = config.training.epochs;
    let mut first = true;
    let mut on_epoch = |epoch: &Epoch| {
        let label = if std::mem::take(&mut first) { "Fine-tuning" } else { "" };
        keep(&mut broken, show::epoch(output, ("fine-tune", label), Some(epochs), epoch));
    };
    let mut progress = Progress::new("Views").on_epoch(&mut on_epoch);
    let tuned = classifier.fine_tune_on(set, config, &mut progress);
    drop(progress);
    broken.map_or(Ok(()), Err)?;
    let report = match tuned {
        Ok(report) => report,
        Err(error @ Error::Train(TrainError::Diverged { .. })) => {
            classifier.save(model)?;
            // The same would happen again from there.
            config.discard();
            return Err(anyhow::anyhow!("{error}; {}", kept(&error, classifier, model)));
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
    match (report.stopped_early, report.best_epoch) {
        (true, Some(best)) => output.field(
            "",
            format!("stopped after {}; took epoch {best}", count(report.epochs.len(), "epoch")),
        )?,
        (false, Some(best)) => output.field("", format!("took epoch {best}, the best"))?,
        _ => {}
    }
    let before = report.before.as_ref();
    let before = before.map(|before| format!(", {:.3} before fine-tuning", before.accuracy));
    show::validation(report.validation.as_ref(), &before.unwrap_or_default(), true, output)?;
    Ok(report)
}

/// What a model holds after fine-tuning that diverged.
fn kept(error: &Error, classifier: &Classifier, model: &Path) -> String {
    let model = model.display();
    match error {
        Error::Train(TrainError::Diverged { epoch: 1, .. }) => {
            format!("{model} keeps the weights from before fine-tuning")
        }
        _ => {
            let tuned = classifier.training().and_then(|training| training.fine_tune.as_ref());
            let epoch = tuned.map_or(0, |tuned| tuned.best_epoch.unwrap_or(tuned.epochs.len()));
            format!("{model} keeps the weights of epoch {epoch}")
        }
    }
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

/// Fine-tuning as a part of `train`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Augmentation and fine-tuning")]
pub(crate) struct TrainTuningArgs {
    /// Then fine-tune the base from this layer on: its index or name (`headstart summary` lists them),
    /// or 0 for everything
    #[arg(long, value_name = "LAYER", value_parser = parse_layer)]
    fine_tune_at: Option<Trainable>,
    /// Epochs of fine-tuning [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "fine_tune_at")]
    fine_tune_epochs: Option<u32>,
    /// Learning rate of fine-tuning [default: a tenth of --learning-rate; 0.00001 without]
    #[arg(long, value_name = "X", allow_negative_numbers = true, requires = "fine_tune_at")]
    fine_tune_learning_rate: Option<f64>,
    #[command(flatten)]
    pub(super) options: TuningArgs,
}

impl TrainTuningArgs {
    /// # Errors
    /// Options that make no sense.
    pub(super) fn config(
        &self,
        head: &super::train::HeadArgs,
        seed: u64,
        extract: &ExtractConfig,
    ) -> anyhow::Result<Option<FineTuning>> {
        let Some(at) = self.fine_tune_at.clone() else {
            return match self.options.of_fine_tuning() {
                Some(option) => {
                    Err(usage(format!("{option} is for fine-tuning: add --fine-tune-at")))
                }
                None => Ok(None),
            };
        };
        let own = Own {
            epochs: self.fine_tune_epochs,
            learning_rate: self.fine_tune_learning_rate.or(head.learning_rate.map(|x| x / 10.0)),
            batch_size: head.batch_size,
            early_stop: head.early_stop,
            balance: head.balance,
            seed,
        };
        self.options.config(at, own, extract).map(Some)
    }
}
