use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Adam, RmsProp, Sgd, step::Piece};
use crate::{TrainError, error::readable};

/// The update rule of an optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// RMSprop.
    RmsProp(RmsProp),
    /// Adam.
    Adam(Adam),
}

/// The names that [`OptimizerConfig`] is parsed from, in words.
macro_rules! names {
    () => {
        "sgd, rmsprop, adam or adamw"
    };
}

/// An optimizer and its options, except for the learning rate, which is an argument of each step.
///
/// It is parsed from one of [`OptimizerConfig::NAMES`], with Keras's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OptimizerConfig {
    /// The update rule.
    pub algorithm: Algorithm,
    /// Decoupled weight decay, applied before the update to each variable that decays: x -= x weight_decay rate (as in
    /// Keras).
    #[serde(default)]
    pub weight_decay: f64,
}

impl OptimizerConfig {
    /// The names of all optimizers, in words.
    pub const NAMES: &str = names!();

    /// Keras's `SGD`, without momentum.
    pub fn sgd() -> Self {
        Algorithm::Sgd(Sgd::default()).into()
    }

    /// Keras's `RMSprop`.
    pub fn rmsprop() -> Self {
        Algorithm::RmsProp(RmsProp::default()).into()
    }

    /// Keras's `Adam`.
    pub fn adam() -> Self {
        Algorithm::Adam(Adam::default()).into()
    }

    /// Keras's `AdamW`: Adam with a weight decay of 0.004.
    pub fn adamw() -> Self {
        Self { weight_decay: 0.004, ..Self::adam() }
    }

    /// Checks the options.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first invalid one.
    pub fn check(&self) -> Result<(), TrainError> {
        const SHARE: &str = "it must be from 0 to 1";
        const BELOW_ONE: &str = "it must be from 0 up to, but not, 1";
        const POSITIVE: &str = "it must be a number above 0";
        const NOT_NEGATIVE: &str = "it must be a number from 0 on";
        let check = |option, value: f64, fits: bool, expected| match fits {
            true => Ok(()),
            false => Err(TrainError::Option { option, value: readable(value), expected }),
        };
        let share = |option, value| check(option, value, (0.0..=1.0).contains(&value), SHARE);
        let below = |option, value| check(option, value, (0.0..1.0).contains(&value), BELOW_ONE);
        let epsilon =
            |value: f64| check("epsilon", value, value.is_finite() && value > 0.0, POSITIVE);
        match self.algorithm {
            Algorithm::Sgd(sgd) => share("momentum", sgd.momentum)?,
            Algorithm::RmsProp(rmsprop) => {
                below("rho", rmsprop.rho)?;
                share("momentum", rmsprop.momentum)?;
                epsilon(rmsprop.epsilon)?;
            }
            Algorithm::Adam(adam) => {
                below("beta_1", adam.beta_1)?;
                below("beta_2", adam.beta_2)?;
                epsilon(adam.epsilon)?;
            }
        }
        let decay = self.weight_decay;
        check("the weight decay", decay, decay.is_finite() && decay >= 0.0, NOT_NEGATIVE)
    }
}

impl OptimizerConfig {
    /// The names of the slots that store state for each variable.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &'static str> {
        self.algorithm.slots().into_iter().flatten()
    }
}

impl From<Algorithm> for OptimizerConfig {
    /// Without weight decay.
    fn from(algorithm: Algorithm) -> Self {
        Self { algorithm, weight_decay: 0.0 }
    }
}

impl FromStr for OptimizerConfig {
    type Err = TrainError;

    fn from_str(name: &str) -> Result<Self, TrainError> {
        match name {
            "sgd" => Ok(Self::sgd()),
            "rmsprop" => Ok(Self::rmsprop()),
            "adam" => Ok(Self::adam()),
            "adamw" => Ok(Self::adamw()),
            other => Err(TrainError::Option {
                option: "the optimizer",
                value: other.into(),
                expected: concat!("it must be ", names!()),
            }),
        }
    }
}

impl Algorithm {
    /// The names of the slots that store state for each variable; `None` for unused ones.
    pub(super) fn slots(&self) -> [Option<&'static str>; 3] {
        match self {
            Self::Sgd(sgd) => sgd.slots(),
            Self::RmsProp(rmsprop) => rmsprop.slots(),
            Self::Adam(adam) => adam.slots(),
        }
    }

    /// Updates a piece of a variable. Steps count from 1.
    pub(super) fn update(&self, step: usize, learning_rate: f64, piece: Piece) {
        match self {
            Self::Sgd(sgd) => sgd.update(learning_rate, piece),
            Self::RmsProp(rmsprop) => rmsprop.update(learning_rate, piece),
            Self::Adam(adam) => adam.update(step, learning_rate, piece),
        }
    }
}
