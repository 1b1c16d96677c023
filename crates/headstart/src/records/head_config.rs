//! How to train a head. This is also recorded in the model file.

use headstart_train::{AdamConfig, LogisticConfig, TrainError};
use serde::{Deserialize, Serialize};

/// How a head is fitted to features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum HeadConfig {
    /// Regularised logistic regression: fast, and nothing to tune.
    Lbfgs(LogisticConfig),
    /// Stochastic gradient descent, as in Keras's tutorial.
    Adam(AdamConfig),
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self::Lbfgs(LogisticConfig::default())
    }
}

impl HeadConfig {
    /// The number of epochs, if the method has epochs.
    pub fn epochs(&self) -> Option<usize> {
        match self {
            Self::Lbfgs(_) => None,
            Self::Adam(config) => Some(config.epochs),
        }
    }

    /// Checks that all options have valid values.
    ///
    /// # Errors
    /// [`TrainError::Option`], which names the option.
    pub fn check(&self) -> Result<(), TrainError> {
        match self {
            Self::Lbfgs(config) => config.check(),
            Self::Adam(config) => config.check(),
        }
    }
}
