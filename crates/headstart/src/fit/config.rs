//! The configuration of training a head.

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
    /// The number of cross-validation folds. The head is then trained on all pictures, with none held back.
    pub folds: Option<usize>,
    /// Whether probabilities are calibrated.
    pub calibration: Calibration,
    /// The share of known pictures that the model may reject as unknown.
    pub unknown_rate: UnknownRate,
}

setters!(FitConfig {
    /// Sets how the head is fitted.
    with_head => head: HeadConfig,
    /// Sets how pictures become features.
    with_inputs => inputs: InputConfig,
    /// Sets how features are computed.
    with_extract => inputs.extract: ExtractConfig,
    /// Sets how pictures are augmented.
    with_augment => inputs.augment: Augment,
    /// Sets the number of views per picture; with 0, every epoch draws new ones.
    with_views => inputs.views: usize,
    /// Sets the seed of the augmentation and of the assignment of pictures to folds.
    with_seed => inputs.seed: u64,
    /// Sets the number of cross-validation folds.
    with_folds => folds: impl Into<Option<usize>>,
    /// Sets whether probabilities are calibrated.
    with_calibration => calibration: Calibration,
    /// Sets the share of known pictures that the model may reject as unknown.
    with_unknown_rate => unknown_rate: UnknownRate,
});

impl FitConfig {
    /// Checks that all options have valid values and can be combined.
    ///
    /// # Errors
    /// [`TrainError::Option`](headstart_train::TrainError::Option), which names the option,
    /// [`Error::TakesEpochs`] and [`Error::Options`].
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
