use serde::{Deserialize, Serialize};

use crate::clip::Clip;
use crate::error::readable;
use crate::network::BatchNorm;
use crate::optimizers::OptimizerConfig;
use crate::schedules::Schedule;
use crate::{ClassWeight, TrainError};

/// Options of fine-tuning; the defaults are those of Keras's transfer-learning tutorial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FineTuneConfig {
    /// The peak learning rate: 1e-5.
    pub learning_rate: f64,
    /// Passes over the pictures: 10.
    pub epochs: usize,
    /// Pictures per step: 32; the last step of an epoch may have fewer.
    pub batch_size: usize,
    /// RMSprop.
    pub optimizer: OptimizerConfig,
    /// The schedule of the learning rate over the steps: constant.
    pub schedule: Schedule,
    /// Gradient clipping, if any.
    pub clip: Option<Clip>,
    /// Label smoothing: the fraction by which targets are moved towards the uniform distribution: 0.
    pub label_smoothing: f32,
    /// The weight of pictures of each class.
    pub class_weight: ClassWeight,
    /// The learning rate of each block of layers, relative to the next block's: 1.
    pub layer_decay: f64,
    /// The momentum of an exponential moving average of the weights, which is used for evaluation and in the result;
    /// Keras's is 0.99. None by default.
    pub average: Option<f64>,
    /// The number of epochs without improvement of the validation loss (of the training loss, without validation
    /// pictures) after which training stops and the weights of the best epoch are restored. With validation pictures,
    /// the initial weights count as epoch 0.
    pub early_stop: Option<usize>,
    /// How trainable BatchNormalization layers normalise.
    pub bn: BatchNorm,
    /// The random seed of the order of the pictures and the dropout.
    pub seed: u64,
    /// Whether pictures are shuffled in each epoch.
    pub shuffle: bool,
}

impl Default for FineTuneConfig {
    fn default() -> Self {
        Self {
            learning_rate: 1e-5,
            epochs: 10,
            batch_size: 32,
            optimizer: OptimizerConfig::rmsprop(),
            schedule: Schedule::Constant,
            clip: None,
            label_smoothing: 0.0,
            class_weight: ClassWeight::Uniform,
            layer_decay: 1.0,
            average: None,
            early_stop: None,
            bn: BatchNorm::Inference,
            seed: 0,
            shuffle: true,
        }
    }
}

impl FineTuneConfig {
    /// Checks the options, except the class weights, which depend on the pictures.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first invalid one.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong = |option, value, expected| {
            Err(TrainError::Option { option, value: readable(value), expected })
        };
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let option = "the learning rate of fine-tuning";
            return wrong(option, self.learning_rate, "it must be a number above 0");
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            let expected = "it must be from 0 up to, but not, 1";
            return wrong("label smoothing", self.label_smoothing.into(), expected);
        }
        if !(self.layer_decay > 0.0 && self.layer_decay <= 1.0) {
            return wrong("layer decay", self.layer_decay, "it must be above 0 and at most 1");
        }
        if self.average.is_some_and(|momentum| !(0.0..1.0).contains(&momentum)) {
            let expected = "it must be from 0 up to, but not, 1";
            return wrong("the momentum of the average", self.average.unwrap_or(0.0), expected);
        }
        for (option, count) in
            [("the batch size", self.batch_size), ("the number of epochs", self.epochs)]
        {
            if count == 0 {
                return wrong(option, 0.0, "it must be 1 or more");
            }
        }
        if let Some(clip) = self.clip {
            clip.check()?;
        }
        self.schedule.check()?;
        self.optimizer.check()
    }
}
