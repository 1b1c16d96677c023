use std::{ops::ControlFlow, time::Instant};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Epoch, Event, History, Views, batch::Batch, check_fits, untrained, validate};
use crate::Head;
use crate::{
    ClassWeight, Samples, TrainError,
    error::readable,
    optimizers::{Optimizer, OptimizerConfig},
};

/// Options of training a head with Adam; the defaults are those of Keras's transfer-learning tutorial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdamConfig {
    /// 1e-4.
    pub learning_rate: f64,
    /// 10.
    pub epochs: usize,
    /// 32; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// The dropout rate of the features in training: 0.2.
    pub dropout: f32,
    /// The random seed of the initial kernel, the order of samples and the dropout.
    pub seed: u64,
    /// Whether samples are shuffled in each epoch.
    pub shuffle: bool,
    /// The number of epochs without improvement of the validation loss (of the training loss, without validation
    /// samples) after which training stops and the weights of the best epoch are restored.
    pub early_stop: Option<usize>,
    /// The weight of samples of each class.
    pub class_weight: ClassWeight,
    /// Label smoothing: the fraction by which training targets are moved towards the uniform distribution, in
    /// `0.0..1.0`: 0. It does not affect the validation loss, so that losses are comparable.
    pub label_smoothing: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            learning_rate: 1e-4,
            epochs: 10,
            batch_size: 32,
            dropout: 0.2,
            seed: 0,
            shuffle: true,
            early_stop: None,
            class_weight: ClassWeight::Uniform,
            label_smoothing: 0.0,
        }
    }
}

impl AdamConfig {
    /// Checks the options, except the class weights, which depend on the samples.
    ///
    /// # Errors
    /// [`TrainError::Option`] for the first invalid one.
    pub fn check(&self) -> Result<(), TrainError> {
        let wrong =
            |option, value: String, expected| Err(TrainError::Option { option, value, expected });
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return wrong(
                "the learning rate",
                readable(self.learning_rate),
                "it must be a number above 0",
            );
        }
        for (option, share) in
            [("dropout", self.dropout), ("label smoothing", self.label_smoothing)]
        {
            if !(0.0..1.0).contains(&share) {
                let expected = "it must be from 0 up to, but not, 1";
                return wrong(option, readable(f64::from(share)), expected);
            }
        }
        if self.batch_size == 0 {
            return wrong("the batch size", "0".into(), "it must be 1 or more");
        }
        if self.epochs == 0 {
            return wrong("the number of epochs", "0".into(), "it must be 1 or more");
        }
        Ok(())
    }
}

/// Trains a new head on cross-entropy with Adam, on samples or on a different view of them in each epoch.
///
/// `callback` is called before each batch and after each epoch. If it breaks at an epoch, training ends with the head
/// of that epoch (or, with early stopping, of the best).
///
/// # Errors
/// Invalid samples or options, an unavailable view, a loss that becomes NaN or infinite, and [`TrainError::Stopped`] if
/// the callback breaks at a batch.
pub fn fit_adam(
    mut train: impl Views,
    validation: Option<&Samples>,
    config: &AdamConfig,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<(Head, History), TrainError> {
    fit(None, &mut train, validation, config, callback)
}

/// Trains like [`fit_adam`], starting with an existing head. Its dropout rate is replaced by the configuration's.
pub fn fit_adam_from(
    head: Head,
    mut train: impl Views,
    validation: Option<&Samples>,
    config: &AdamConfig,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<(Head, History), TrainError> {
    fit(Some(head), &mut train, validation, config, callback)
}

fn fit(
    mut start: Option<Head>,
    views: &mut dyn Views,
    validation: Option<&Samples>,
    config: &AdamConfig,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<(Head, History), TrainError> {
    config.check()?;
    let validation = validation.filter(|samples| !samples.is_empty());
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    // The first stream was used for the kernel.
    random.set_stream(1);
    let mut optimizer = Optimizer::new(OptimizerConfig::adam());
    let mut order: Vec<usize> = Vec::new();
    let mut batch = Batch::default();
    let mut history = History::default();
    let mut best: Option<(f64, Head)> = None;
    let count = views.count();
    if count == 0 {
        return Err(TrainError::NoSamples);
    }

    for epoch in 1..=config.epochs {
        let begin = Instant::now();
        let train = views.view((epoch - 1) % count)?;
        if epoch <= count {
            train.check_trainable()?;
        }
        let new = || untrained(train.task(), train.dim, train.classes, config.dropout, config.seed);
        let head = start.get_or_insert_with(new);
        check_fits(head, &train)?;
        if epoch == 1 {
            if let Some(validation) = validation {
                validation.check()?;
                check_fits(head, validation)?;
            }
            head.dropout = config.dropout;
            order = (0..train.len()).collect();
        }
        let (what, found, expected) = ("samples of a view", train.len(), order.len());
        if found != expected {
            return Err(TrainError::Length { what, found, expected });
        }
        let weights = train.total_weights(&config.class_weight)?;
        let batches = train.len().div_ceil(config.batch_size);
        if config.shuffle {
            order.shuffle(&mut random);
        }
        let (mut loss_sum, mut right) = (0.0, 0);
        for (index, rows) in order.chunks(config.batch_size).enumerate() {
            let event = Event::Batch { epoch, batch: index + 1, batches };
            if callback(event).is_break() {
                return Err(TrainError::Stopped);
            }
            batch.gather(&train, weights.as_deref(), rows, config.label_smoothing)?;
            let loss = batch.step(head, &mut optimizer, config.learning_rate, &mut random);
            if !loss.is_finite() {
                return Err(TrainError::Diverged {
                    epoch,
                    batch: index + 1,
                    loss,
                    learning_rate: config.learning_rate,
                });
            }
            loss_sum += loss * rows.len() as f64;
            right += batch.right(&train, head.units());
        }
        let (val_loss, val_accuracy) = validate(head, validation)?;
        let done = Epoch {
            epoch,
            loss: loss_sum / train.len() as f64,
            accuracy: right as f64 / (train.len() * head.task.decisions(head.classes)) as f64,
            val_loss,
            val_accuracy,
            seconds: begin.elapsed().as_secs_f64(),
        };
        let stop = callback(Event::Epoch(&done)).is_break();
        let watched = done.val_loss.unwrap_or(done.loss);
        history.epochs.push(done);
        let mut patience_is_over = false;
        if let Some(patience) = config.early_stop {
            if best.as_ref().is_none_or(|(loss, _)| watched < *loss) {
                best = Some((watched, head.clone()));
                history.best_epoch = Some(epoch);
            } else {
                let waited = epoch - history.best_epoch.unwrap_or(0);
                patience_is_over = waited >= patience.max(1);
            }
        }
        if stop || patience_is_over {
            history.stopped_early = epoch < config.epochs;
            break;
        }
    }
    let head = best.map(|(_, head)| head).or(start).expect("an epoch has made a head");
    Ok((head, history))
}
