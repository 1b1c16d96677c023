//! How to train a head, as the model file tells it, too.

use headstart_train::{AdamConfig, LogisticConfig, TrainError};
use serde::{Deserialize, Serialize};

/// How a head is fitted to features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub enum HeadConfig {
    /// Regularised logistic regression: nothing to tune, done in a moment.
    Lbfgs(LogisticConfig),
    /// Stochastic gradient descent as in Keras's tutorial.
    Adam(AdamConfig),
}

impl Default for HeadConfig {
    fn default() -> Self {
        Self::Lbfgs(LogisticConfig::default())
    }
}

impl HeadConfig {
    /// How many epochs there will be, where the method has any.
    pub fn epochs(&self) -> Option<usize> {
        match self {
            Self::Lbfgs(_) => None,
            Self::Adam(config) => Some(config.epochs),
        }
    }

    /// Fails where an option has a value that makes no sense.
    ///
    /// # Errors
    /// [`TrainError::Option`], naming it.
    pub fn check(&self) -> Result<(), TrainError> {
        match self {
            Self::Lbfgs(config) => config.check(),
            Self::Adam(config) => config.check(),
        }
    }
}
