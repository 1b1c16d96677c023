//! Options of training the head.

use clap::{Args, ValueEnum};
use headstart::HeadConfig;
use headstart::train::{AdamConfig, ClassWeight, LogisticConfig, Strength};

use crate::usage;

#[derive(Debug, Args)]
pub(crate) struct HeadArgs {
    /// How to train the head
    #[arg(long, value_enum, default_value_t = Method::Lbfgs)]
    head: Method,
    /// Weight the classes equally, however many pictures each has
    #[arg(long)]
    pub(in crate::commands) balance: bool,
    /// Inverse regularisation strength C of the logistic regression [default: chosen by cross-validation]
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    strength: Option<f64>,
    /// Epochs, with --head adam [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    epochs: Option<u32>,
    /// Learning rate, with --head adam [default: 0.0001]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub(in crate::commands) learning_rate: Option<f64>,
    /// Batch size, with --head adam or --fine-tune-at [default: 32]
    #[arg(long, value_name = "N")]
    pub(in crate::commands) batch_size: Option<usize>,
    /// Dropout rate, with --head adam [default: 0.2]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    dropout: Option<f32>,
    /// Stop after N epochs without a lower validation loss and restore the best weights
    ///
    /// For --head adam and --fine-tune-at. In fine-tuning, the weights from before are a candidate, too.
    #[arg(long, value_name = "N")]
    pub(in crate::commands) early_stop: Option<usize>,
}

const ADAM_ONLY: [&str; 5] = ["epochs", "learning_rate", "batch_size", "dropout", "early_stop"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Regularised logistic regression: fast, nothing to tune
    Lbfgs,
    /// Gradient descent with Adam, as in Keras's tutorial
    Adam,
}

impl HeadArgs {
    /// The configuration of the head. `fine_tunes` tells whether the base is fine-tuned afterwards; some
    /// options apply to that, too.
    pub(super) fn config(
        &self,
        seed: u64,
        fine_tunes: bool,
        label_smoothing: f32,
    ) -> anyhow::Result<HeadConfig> {
        let class_weight = if self.balance { ClassWeight::Balanced } else { ClassWeight::Uniform };
        if self.head == Method::Lbfgs {
            let given = [
                self.epochs.is_some(),
                self.learning_rate.is_some(),
                self.batch_size.is_some() && !fine_tunes,
                self.dropout.is_some(),
                self.early_stop.is_some() && !fine_tunes,
            ];
            if let Some(at) = given.iter().position(|&given| given) {
                let option = ADAM_ONLY[at].replace('_', "-");
                let own = matches!(ADAM_ONLY[at], "epochs" | "learning_rate") && fine_tunes;
                let other =
                    if own { format!(", or use --fine-tune-{option}") } else { String::new() };
                return Err(usage(format!("--{option} requires --head adam{other}")));
            }
            if label_smoothing != 0.0 && !fine_tunes {
                return Err(usage("--label-smoothing requires --head adam"));
            }
            let mut config = LogisticConfig { seed, class_weight, ..LogisticConfig::default() };
            if let Some(strength) = self.strength {
                config.strength = Strength::Fixed(strength);
            }
            return Ok(HeadConfig::Lbfgs(config));
        }
        if self.strength.is_some() {
            return Err(usage("--strength requires --head lbfgs"));
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
            label_smoothing,
            ..default
        }))
    }
}
