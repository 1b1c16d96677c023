//! How to train a head.

use headstart_data::Augment;
use headstart_engine::train::{AdamConfig, LogisticConfig, TrainError};
use serde::{Deserialize, Serialize};

use crate::training_set::Augmentation;
use crate::{Error, ExtractConfig};

/// How to train.
#[derive(Clone, Debug)]
pub struct FitConfig {
    /// How the head is fitted.
    pub head: HeadConfig,
    /// How features are computed.
    pub extract: ExtractConfig,
    /// How pictures are varied.
    pub augment: Augment,
    /// Views of each picture that are drawn once, where pictures are varied: epochs cycle through
    /// them. With 0, every epoch draws afresh, as Keras does.
    pub views: usize,
    /// Decides how pictures are varied, and how they are dealt into folds.
    pub seed: u64,
    /// Folds to measure the head by, before it is trained on all pictures; none are held back then.
    pub folds: Option<usize>,
}

/// Views of each picture, unless something else is asked for.
pub const DEFAULT_VIEWS: usize = 4;

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            head: HeadConfig::default(),
            extract: ExtractConfig::default(),
            augment: Augment::None,
            views: DEFAULT_VIEWS,
            seed: 0,
            folds: None,
        }
    }
}

impl FitConfig {
    pub(crate) fn augmentation(&self) -> Augmentation {
        Augmentation { augment: self.augment, views: self.views, seed: self.seed }
    }

    /// Fails where an option has a value that makes no sense, or two do not go together.
    ///
    /// # Errors
    /// [`TrainError::Option`], naming it, and [`Error::Options`].
    pub fn check(&self) -> Result<(), Error> {
        self.head.check()?;
        if self.folds.is_some() && self.augment != Augment::None {
            let problem = "folds measure a head on pictures as they are, not augmented";
            return Err(Error::Options(format!("{problem}: take one or the other")));
        }
        if !matches!(self.head, HeadConfig::Lbfgs(_)) {
            return Ok(());
        }
        let problem = match (self.augment, self.views) {
            (Augment::None, _) => return Ok(()),
            (Augment::Strong, _) => "strong augmentation mixes pictures",
            (_, 0) => "0 views are other ones in every epoch",
            _ => return Ok(()),
        };
        Err(Error::Options(format!("{problem}, which takes a head trained in epochs: --head adam")))
    }
}

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
