//! How to train a head.

use headstart_data::Augment;

use crate::training_set::{Augmentation, DEFAULT_VIEWS};
use crate::{Error, ExtractConfig, HeadConfig};

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
    /// [`TrainError::Option`](headstart_train::TrainError::Option), naming it, [`Error::TakesEpochs`] and
    /// [`Error::Options`].
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
        Err(Error::TakesEpochs { problem })
    }
}
