//! How to train a head.

use headstart_data::Augment;

use crate::config::{InputConfig, setters};
use crate::{Calibration, Error, ExtractConfig, HeadConfig, UnknownRate};

/// How to train a head.
///
/// ```
/// use headstart::FitConfig;
///
/// let config = FitConfig::default().with_folds(Some(5)).with_seed(42);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FitConfig {
    /// How the head is fitted.
    pub head: HeadConfig,
    /// How pictures become features.
    pub inputs: InputConfig,
    /// Folds to measure the head by, before it is trained on all pictures; none are held back then.
    pub folds: Option<usize>,
    /// Whether probabilities are made to mean what they say.
    pub calibration: Calibration,
    /// The share of known pictures that the model may turn away as of none of the classes.
    pub unknown_rate: UnknownRate,
}

setters!(FitConfig {
    /// How the head is fitted.
    with_head => head: HeadConfig,
    /// How pictures become features.
    with_inputs => inputs: InputConfig,
    /// How features are computed.
    with_extract => inputs.extract: ExtractConfig,
    /// How pictures are varied.
    with_augment => inputs.augment: Augment,
    /// How many views of each picture are drawn; 0 draws afresh each epoch.
    with_views => inputs.views: usize,
    /// What decides how pictures are varied and dealt into folds.
    with_seed => inputs.seed: u64,
    /// How many folds the head is measured by.
    with_folds => folds: impl Into<Option<usize>>,
    /// Whether probabilities are made to mean what they say.
    with_calibration => calibration: Calibration,
    /// The share of known pictures that the model may turn away as of none of the classes.
    with_unknown_rate => unknown_rate: UnknownRate,
});

impl FitConfig {
    /// Fails where an option has a value that makes no sense, or two do not go together.
    ///
    /// # Errors
    /// [`TrainError::Option`](headstart_train::TrainError::Option), naming it, [`Error::TakesEpochs`] and
    /// [`Error::Options`].
    pub fn check(&self) -> Result<(), Error> {
        self.head.check()?;
        if self.folds.is_some() && self.inputs.augment != Augment::None {
            let problem = "folds measure a head on pictures as they are, not augmented";
            return Err(Error::Options(format!("{problem}: take one or the other")));
        }
        if !matches!(self.head, HeadConfig::Lbfgs(_)) {
            return Ok(());
        }
        let problem = match (self.inputs.augment, self.inputs.views) {
            (Augment::None, _) => return Ok(()),
            (Augment::Strong, _) => "strong augmentation mixes pictures",
            (_, 0) => "0 views are other ones in every epoch",
            _ => return Ok(()),
        };
        Err(Error::TakesEpochs { problem })
    }
}
