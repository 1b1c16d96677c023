//! How to fine-tune a classifier.

use std::path::PathBuf;

use headstart_data::Augment;
use headstart_model::Trainable;
use headstart_train::FineTuneConfig;
use headstart_train::network::TrainableNetwork;

use crate::config::{InputConfig, setters};
use crate::trust::TrustConfig;
use crate::{Base, Calibration, Error, ExtractConfig, UnknownRate};

/// How to fine-tune a classifier.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FineTuning {
    /// The layers of the base to train. All others stay frozen.
    pub at: Trainable,
    /// Learning rate, epochs, optimizer and other parameters.
    pub training: FineTuneConfig,
    /// How pictures become training data.
    pub inputs: InputConfig,
    /// Whether probabilities are calibrated.
    pub calibration: Calibration,
    /// The share of known pictures that the model may reject as unknown.
    pub unknown_rate: UnknownRate,
    /// The file that the classifier is saved to when fine-tuning is complete or the loss diverges.
    pub model: Option<PathBuf>,
    /// The checkpoint that is saved after each epoch and on interruption, to resume from. It is removed when
    /// the classifier is saved to `model`; without `model`, it is left to the caller.
    pub checkpoint: Option<PathBuf>,
    /// Whether to resume from the checkpoint, if there is one.
    pub resume: bool,
}

impl Default for FineTuning {
    /// The last third of the layers, as in Keras's tutorial for MobileNetV2.
    fn default() -> Self {
        Self {
            at: Trainable::FromIndex(100),
            training: FineTuneConfig::default(),
            inputs: InputConfig::default(),
            calibration: Calibration::default(),
            unknown_rate: UnknownRate::default(),
            model: None,
            checkpoint: None,
            resume: false,
        }
    }
}

setters!(FineTuning {
    /// Sets the layers of the base to train.
    with_at => at: Trainable,
    /// Sets learning rate, epochs, optimizer and other parameters.
    with_training => training: FineTuneConfig,
    /// Sets how pictures become training data.
    with_inputs => inputs: InputConfig,
    /// Sets how the frozen layers are computed.
    with_extract => inputs.extract: ExtractConfig,
    /// Sets how pictures are augmented.
    with_augment => inputs.augment: Augment,
    /// Sets the number of views per picture; with 0, every epoch draws new ones.
    with_views => inputs.views: usize,
    /// Sets the seed of the augmentation.
    with_seed => inputs.seed: u64,
    /// Sets whether probabilities are calibrated.
    with_calibration => calibration: Calibration,
    /// Sets the share of known pictures that the model may reject as unknown.
    with_unknown_rate => unknown_rate: UnknownRate,
    /// Sets the file that the classifier is saved to.
    with_model => model: impl Into<Option<PathBuf>>,
    /// Sets the checkpoint to resume from.
    with_checkpoint => checkpoint: impl Into<Option<PathBuf>>,
    /// Sets whether to resume from the checkpoint, if there is one.
    with_resume => resume: bool,
});

impl FineTuning {
    pub(crate) fn trust(&self) -> TrustConfig {
        let Self { calibration, unknown_rate, .. } = *self;
        TrustConfig { calibration, unknown_rate, strength: None }
    }

    pub(crate) fn network(&self, base: &Base) -> Result<(Base, TrainableNetwork), Error> {
        base.trainable(&self.at, self.training.bn, self.inputs.extract.compute.isa)
    }

    /// Checks the options, and that `base` can be fine-tuned with them, before pictures are read.
    ///
    /// # Errors
    /// For invalid options, and for a layer that does not exist or after which nothing can be trained.
    pub fn check(&self, base: &Base) -> Result<(), Error> {
        self.training.check().map_err(Error::of_training)?;
        self.network(base).map(|_| ())
    }
}
