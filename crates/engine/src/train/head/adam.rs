use std::{ops::ControlFlow, time::Instant};

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{Epoch, Event, Head, History};
use crate::train::{
    ClassWeight, Samples, TrainError,
    error::readable,
    layers::Dropout,
    optimizers::{Optimizer, OptimizerConfig, Variable},
};

/// How to train a head with Adam; the defaults are those of Keras's transfer-learning tutorial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdamConfig {
    /// 1e-4.
    pub learning_rate: f64,
    /// 10.
    pub epochs: usize,
    /// 32; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// The share of features dropped in training: 0.2.
    pub dropout: f32,
    /// Decides the first kernel, the order of samples and the dropout.
    pub seed: u64,
    /// Whether samples come in a new order each epoch.
    pub shuffle: bool,
    /// Stops when the validation loss (the training loss, without validation samples) has not
    /// fallen for so many epochs, and takes the weights of the best epoch.
    pub early_stop: Option<usize>,
    /// What samples of each class count for.
    pub class_weight: ClassWeight,
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
        }
    }
}

impl AdamConfig {
    /// Whether the options make sense. Class weights are not looked at: that takes samples.
    ///
    /// # Errors
    /// The first option that makes none.
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
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong(
                "dropout",
                readable(f64::from(self.dropout)),
                "it must be from 0 up to, but not, 1",
            );
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

/// Trains a new head with Adam on cross-entropy.
///
/// `callback` is told of each batch before it is taken, and of each epoch after it. If it breaks at
/// an epoch, training ends with the head as that epoch (or, with early stopping, the best) left it.
///
/// # Errors
/// Samples or options that make no sense, a loss that becomes NaN or infinite, and
/// [`TrainError::Stopped`] if the callback breaks at a batch.
pub fn fit_adam(
    train: &Samples,
    validation: Option<&Samples>,
    config: &AdamConfig,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<(Head, History), TrainError> {
    let head = Head::new(train.dim, train.classes.max(2), config.dropout, config.seed);
    fit_adam_from(head, train, validation, config, callback)
}

/// As [`fit_adam`], from a head that there is already. Its dropout becomes the configuration's.
pub fn fit_adam_from(
    mut head: Head,
    train: &Samples,
    validation: Option<&Samples>,
    config: &AdamConfig,
    callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Result<(Head, History), TrainError> {
    config.check()?;
    train.check_trainable()?;
    head.check_fits(train)?;
    let validation = validation.filter(|samples| !samples.is_empty());
    if let Some(validation) = validation {
        validation.check()?;
        head.check_fits(validation)?;
    }
    head.dropout = config.dropout;

    let weights = train.total_weights(&config.class_weight)?;
    let mut random = ChaCha8Rng::seed_from_u64(config.seed);
    // The first stream drew the kernel.
    random.set_stream(1);
    let mut optimizer = Optimizer::new(OptimizerConfig::adam());
    let mut order: Vec<usize> = (0..train.len()).collect();
    let mut batch = Batch::default();
    let mut history = History::default();
    let mut best: Option<(f64, Head)> = None;
    let batches = train.len().div_ceil(config.batch_size);

    for epoch in 1..=config.epochs {
        let start = Instant::now();
        if config.shuffle {
            order.shuffle(&mut random);
        }
        let (mut loss_sum, mut right) = (0.0, 0);
        for (index, rows) in order.chunks(config.batch_size).enumerate() {
            let event = Event::Batch { epoch, batch: index + 1, batches };
            if callback(event).is_break() {
                return Err(TrainError::Stopped);
            }
            batch.gather(train, weights.as_deref(), rows);
            let loss = batch.step(&mut head, &mut optimizer, config.learning_rate, &mut random);
            if !loss.is_finite() {
                return Err(TrainError::Diverged {
                    epoch,
                    batch: index + 1,
                    loss,
                    learning_rate: config.learning_rate,
                });
            }
            loss_sum += loss * rows.len() as f64;
            right += batch.right(head.classes);
        }
        let (val_loss, val_accuracy) =
            validation.map(|samples| head.evaluate_weighted(samples, samples.weights)).unzip();
        let done = Epoch {
            epoch,
            loss: loss_sum / train.len() as f64,
            accuracy: right as f64 / train.len() as f64,
            val_loss,
            val_accuracy,
            seconds: start.elapsed().as_secs_f64(),
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
    Ok((best.map_or(head, |(_, best)| best), history))
}

/// One batch and its gradients; the memory is used again for the next.
#[derive(Default)]
struct Batch {
    x: Vec<f32>,
    labels: Vec<usize>,
    weights: Option<Vec<f32>>,
    mask: Vec<f32>,
    logits: Vec<f32>,
    d_logits: Vec<f32>,
    d_kernel: Vec<f32>,
    d_bias: Vec<f32>,
}

impl Batch {
    fn gather(&mut self, samples: &Samples, weights: Option<&[f32]>, rows: &[usize]) {
        self.x.clear();
        self.labels.clear();
        for &row in rows {
            self.x.extend_from_slice(samples.row(row));
            self.labels.push(samples.labels[row]);
        }
        self.weights = weights.map(|w| rows.iter().map(|&row| w[row]).collect());
    }

    /// Forward, backward, update; returns the loss before the update.
    fn step(
        &mut self,
        head: &mut Head,
        optimizer: &mut Optimizer,
        learning_rate: f64,
        random: &mut ChaCha8Rng,
    ) -> f64 {
        let rate = head.dropout;
        if rate > 0.0 {
            let x = self.x.clone();
            self.mask.resize(x.len(), 0.0);
            Dropout { rate }.forward(random, &x, &mut self.mask, &mut self.x);
        }
        let logits = self.labels.len() * head.units();
        self.logits.resize(logits, 0.0);
        self.d_logits.resize(logits, 0.0);
        self.d_kernel.resize(head.kernel.len(), 0.0);
        self.d_bias.resize(head.bias.len(), 0.0);

        let (loss, weights) = (head.loss(), self.weights.as_deref());
        head.dense().forward(&self.x, &mut self.logits);
        let value = loss.forward(&self.logits, &self.labels, weights);
        loss.backward(&self.logits, &self.labels, weights, &mut self.d_logits);
        head.dense().backward(&self.x, &self.d_logits, &mut self.d_kernel, &mut self.d_bias, None);
        let mut variables = [
            Variable::new(&mut head.kernel, &self.d_kernel),
            Variable::new(&mut head.bias, &self.d_bias),
        ];
        optimizer.step(learning_rate, &mut variables);
        value
    }

    /// How many of the batch's predictions were right, before the update.
    fn right(&self, classes: usize) -> usize {
        let predicted = super::predict(&self.logits, classes);
        let pairs = self.labels.iter().zip(&predicted);
        pairs.filter(|(label, predicted)| label == predicted).count()
    }
}
