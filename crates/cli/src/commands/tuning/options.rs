//! Options of fine-tuning.

use clap::{Args, ValueEnum};
use headstart::data::Augment;
use headstart::model::Trainable;
use headstart::train::clip::Clip;
use headstart::train::network::BatchNorm;
use headstart::train::optimizers::{Algorithm, OptimizerConfig, Sgd};
use headstart::train::schedules::{CosineDecay, OneCycle, Schedule};
use headstart::train::{ClassWeight, FineTuneConfig, TrainError};
use headstart::{DEFAULT_VIEWS, ExtractConfig, FineTunePhase, InputConfig};

use crate::commands::train::HeadArgs;
use crate::usage;

/// What the commands that fine-tune have in common.
#[derive(Debug, Args)]
#[command(next_help_heading = "Augmentation and fine-tuning")]
pub(crate) struct TuningArgs {
    #[command(flatten)]
    step: StepArgs,
    /// Learning rate schedule of fine-tuning
    #[arg(long, value_enum, default_value_t = ScheduleKind::Constant)]
    schedule: ScheduleKind,
    /// Warm-up steps, with --schedule cosine [default: 0]
    #[arg(long, value_name = "STEPS")]
    warm_up: Option<usize>,
    /// Momentum of an exponential moving average of the weights, such as 0.99 [default: none]
    #[arg(long, value_name = "MOMENTUM", allow_negative_numbers = true)]
    ema: Option<f64>,
    /// Continue from the checkpoint of an interrupted run
    #[arg(long)]
    pub(in crate::commands) resume: bool,
}

/// What a step of fine-tuning does.
#[derive(Debug, Args)]
#[command(next_help_heading = "Augmentation and fine-tuning")]
pub(crate) struct StepArgs {
    /// Augmentation: none, tutorial (flip, rotation), standard (flip, crop, colour) or strong (all of these,
    /// mixup and CutMix)
    #[arg(long, value_name = "KIND", default_value_t = Augment::None)]
    augment: Augment,
    /// Number of augmented views of each picture, computed once and cycled through; 0 draws new ones in every
    /// epoch
    #[arg(long, value_name = "N", default_value_t = DEFAULT_VIEWS)]
    views: usize,
    #[arg(long, value_name = "NAME", value_parser = parse_optimizer, help = optimizer_help())]
    optimizer: Option<OptimizerConfig>,
    /// Momentum of --optimizer sgd [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    momentum: Option<f64>,
    /// Clip the global norm of the gradients to this value
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    clip_norm: Option<f64>,
    /// Weight decay (not applied to biases or BatchNorm) [default: 0; 0.004 with adamw]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// Label smoothing [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    label_smoothing: Option<f32>,
    /// Layer-wise learning rate decay: the factor from each block of layers to the one below [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    layer_decay: Option<f64>,
    /// Mode of BatchNorm in trainable layers
    #[arg(long, value_enum, default_value_t = BnMode::Inference)]
    bn: BnMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ScheduleKind {
    /// No change
    Constant,
    /// Linear warm-up, then cosine decay to 0
    Cosine,
    /// One cycle: up for 30 % of the steps, then down to nearly 0
    OneCycle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BnMode {
    /// Use the moving statistics, which never change
    Inference,
    /// Use the batch's statistics and update the moving ones
    Train,
}

fn optimizer_help() -> String {
    format!("Optimizer of fine-tuning: {} [default: rmsprop]", OptimizerConfig::NAMES)
}

fn parse_optimizer(name: &str) -> Result<OptimizerConfig, TrainError> {
    name.parse()
}

/// Values that each command takes under its own option names.
#[derive(Default)]
pub(in crate::commands) struct Own {
    pub(in crate::commands) epochs: Option<u32>,
    pub(in crate::commands) learning_rate: Option<f64>,
    pub(in crate::commands) batch_size: Option<usize>,
    pub(in crate::commands) early_stop: Option<usize>,
    pub(in crate::commands) balance: bool,
    pub(in crate::commands) seed: u64,
}

impl TuningArgs {
    /// How pictures become training inputs.
    pub(in crate::commands) fn inputs(&self, seed: u64, extract: &ExtractConfig) -> InputConfig {
        self.step.inputs(seed, extract)
    }

    /// The name of the first option that was given and has an effect on fine-tuning only.
    fn of_fine_tuning(&self) -> Option<&'static str> {
        let step = &self.step;
        let given = [
            ("--optimizer", step.optimizer.is_some()),
            ("--momentum", step.momentum.is_some()),
            ("--schedule", self.schedule != ScheduleKind::Constant),
            ("--warm-up", self.warm_up.is_some()),
            ("--clip-norm", step.clip_norm.is_some()),
            ("--weight-decay", step.weight_decay.is_some()),
            ("--layer-decay", step.layer_decay.is_some()),
            ("--ema", self.ema.is_some()),
            ("--bn", step.bn != BnMode::Inference),
            ("--resume", self.resume),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }

    pub(in crate::commands) fn label_smoothing(&self) -> f32 {
        self.step.label_smoothing.unwrap_or(0.0)
    }

    /// The fine-tuning phase that these options describe.
    ///
    /// # Errors
    /// If the options make no sense.
    pub(in crate::commands) fn phase(
        &self,
        at: Trainable,
        own: Own,
    ) -> anyhow::Result<FineTunePhase> {
        if self.warm_up.is_some() && self.schedule != ScheduleKind::Cosine {
            return Err(usage("--warm-up requires --schedule cosine"));
        }
        let warmup_steps = self.warm_up.unwrap_or(0);
        let mut config = self.step.phase(at, own)?;
        config.training.schedule = match self.schedule {
            ScheduleKind::Constant => Schedule::Constant,
            ScheduleKind::Cosine => {
                Schedule::CosineDecay(CosineDecay { warmup_steps, ..CosineDecay::default() })
            }
            ScheduleKind::OneCycle => Schedule::OneCycle(OneCycle::default()),
        };
        config.training.average = self.ema;
        config.training.check().map_err(usage)?;
        Ok(config)
    }
}

impl StepArgs {
    /// How pictures become training inputs.
    pub(in crate::commands) fn inputs(&self, seed: u64, extract: &ExtractConfig) -> InputConfig {
        InputConfig::default()
            .with_extract(extract.clone())
            .with_augment(self.augment)
            .with_views(self.views)
            .with_seed(seed)
    }

    /// A fine-tuning phase at a constant learning rate.
    ///
    /// # Errors
    /// If the options make no sense.
    pub(in crate::commands) fn phase(
        &self,
        at: Trainable,
        own: Own,
    ) -> anyhow::Result<FineTunePhase> {
        let default = FineTuneConfig::default();
        let mut optimizer = self.optimizer.unwrap_or(default.optimizer);
        if let Some(decay) = self.weight_decay {
            optimizer.weight_decay = decay;
        }
        if let Some(momentum) = self.momentum {
            let Algorithm::Sgd(sgd) = optimizer.algorithm else {
                return Err(usage("--momentum requires --optimizer sgd"));
            };
            optimizer.algorithm = Algorithm::Sgd(Sgd { momentum, ..sgd });
        }
        let training = FineTuneConfig {
            learning_rate: own.learning_rate.unwrap_or(default.learning_rate),
            epochs: own.epochs.map_or(default.epochs, |epochs| epochs as usize),
            batch_size: own.batch_size.unwrap_or(default.batch_size),
            optimizer,
            clip: self.clip_norm.map(Clip::GlobalNorm),
            label_smoothing: self.label_smoothing.unwrap_or(default.label_smoothing),
            class_weight: match own.balance {
                true => ClassWeight::Balanced,
                false => ClassWeight::Uniform,
            },
            layer_decay: self.layer_decay.unwrap_or(default.layer_decay),
            early_stop: own.early_stop,
            bn: match self.bn {
                BnMode::Inference => BatchNorm::Inference,
                BnMode::Train => BatchNorm::Train,
            },
            seed: own.seed,
            ..default
        };
        training.check().map_err(usage)?;
        Ok(FineTunePhase::default().with_at(at).with_training(training))
    }
}

/// Parses the index or name of a layer.
pub(in crate::commands) fn parse_layer(
    text: &str,
) -> Result<Trainable, headstart::model::ModelError> {
    format!("from:{text}").parse()
}

/// Fine-tuning as a part of `train`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Augmentation and fine-tuning")]
pub(crate) struct TrainTuningArgs {
    /// Then fine-tune the base from this layer on: an index or name from `headstart summary`; 0 for all layers
    #[arg(long, value_name = "LAYER", value_parser = parse_layer)]
    fine_tune_at: Option<Trainable>,
    /// Epochs of fine-tuning [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), requires = "fine_tune_at")]
    fine_tune_epochs: Option<u32>,
    /// Learning rate of fine-tuning [default: a tenth of --learning-rate; 0.00001 without]
    #[arg(long, value_name = "X", allow_negative_numbers = true, requires = "fine_tune_at")]
    fine_tune_learning_rate: Option<f64>,
    #[command(flatten)]
    pub(in crate::commands) options: TuningArgs,
}

impl TrainTuningArgs {
    /// The fine-tuning phase that these options describe, if fine-tuning was asked for.
    ///
    /// # Errors
    /// If the options make no sense.
    pub(in crate::commands) fn phase(
        &self,
        head: &HeadArgs,
        seed: u64,
    ) -> anyhow::Result<Option<FineTunePhase>> {
        let Some(at) = self.fine_tune_at.clone() else {
            return match self.options.of_fine_tuning() {
                Some(option) => Err(usage(format!("{option} requires --fine-tune-at"))),
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
        self.options.phase(at, own).map(Some)
    }
}
