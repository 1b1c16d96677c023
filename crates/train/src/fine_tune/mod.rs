//! Fine-tuning: trains the top of the base together with the head, at a low learning rate.
//!
//! [`FineTuner::epoch`] runs one epoch at a time, so that callers can save a [`FineTuner::checkpoint`] in between; a
//! [restored](FineTuner::restore) tuner continues as if never interrupted, even in the middle of an epoch.

mod checkpoint;
mod config;
mod inputs;
mod objective;
mod range_test;
mod snapshot;
mod step;

use std::ops::ControlFlow;
use std::time::Instant;

use headstart_model::Weights;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::Head;
use super::TrainError;
use super::average::MovingAverage;
use super::error::{check_length, is_lost};
use super::head::{Epoch, Event, History, right_decisions};
use super::losses::Loss;
use super::network::TrainableNetwork;
use super::optimizers::Optimizer;
use super::samples::{check_labels, targets, total_weights};
pub use checkpoint::{Checkpoint, Progress};
pub use config::FineTuneConfig;
pub use inputs::{Inputs, Label};
pub use range_test::{RangeTest, RangeTestConfig, range_test};
use snapshot::Snapshot;
use step::rates;

/// The trainable end of a base and a head, in training.
pub struct FineTuner {
    config: FineTuneConfig,
    network: TrainableNetwork,
    head: Head,
    optimizer: Optimizer,
    average: Option<MovingAverage>,
    /// The learning rate multiplier of each parameter.
    rates: Vec<f64>,
    progress: Progress,
    history: History,
    /// The lowest loss seen and the weights that achieved it.
    best: Option<(f64, Snapshot)>,
    /// The weights after the last epoch, restored when the loss diverges.
    good: Snapshot,
}

impl FineTuner {
    /// Creates a fine-tuner from a network and a head that fits its features.
    ///
    /// # Errors
    /// Invalid options, or a head for other features.
    pub fn new(
        network: TrainableNetwork,
        head: Head,
        config: FineTuneConfig,
    ) -> Result<Self, TrainError> {
        config.check()?;
        let (what, found, expected) = ("features of the head", head.dim(), network.features());
        if found != expected {
            return Err(TrainError::Length { what, found, expected });
        }
        let average = config.average.map(MovingAverage::new).transpose()?;
        let optimizer = Optimizer::new(config.optimizer);
        let good = Snapshot::of(&network, &head);
        let rates = rates(&network, config.layer_decay);
        Ok(Self {
            config,
            network,
            head,
            optimizer,
            average,
            rates,
            progress: Progress::default(),
            history: History::default(),
            best: None,
            good,
        })
    }

    /// The trainable end of the base.
    pub fn network(&self) -> &TrainableNetwork {
        &self.network
    }

    /// The head in its current state.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The history so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether all epochs are complete, or early stopping has ended training.
    pub fn is_done(&self) -> bool {
        self.progress.epoch >= self.config.epochs || self.history.stopped_early
    }

    /// Trains for an epoch, or the remainder of one, and evaluates.
    ///
    /// `callback` is called before each batch and after the epoch; if it breaks at the epoch, that was the last.
    ///
    /// # Errors
    /// Invalid labels, and pictures that cannot be read; [`TrainError::Stopped`] if the callback breaks at a batch, in
    /// which case the batches before it remain in effect; [`TrainError::Diverged`] if the loss becomes NaN, infinite or
    /// absurdly high, or the gradients NaN or infinite, in which case the weights are reset to the end of the last
    /// epoch.
    pub fn epoch(
        &mut self,
        train: &dyn Inputs,
        validation: Option<&dyn Inputs>,
        callback: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Epoch, TrainError> {
        let start = Instant::now();
        let n = train.labels().len();
        if n == 0 {
            return Err(TrainError::NoSamples);
        }
        let epoch = self.progress.epoch + 1;
        let order = self.order(n, epoch);
        let size = self.config.batch_size;
        let batches = n.div_ceil(size);
        let weights = self.weights(train)?;
        let validation = validation.filter(|inputs| !inputs.labels().is_empty());
        validation.map_or(Ok(()), |inputs| self.check(inputs))?;
        self.watch_start(validation)?;
        while self.progress.batch < batches {
            let batch = self.progress.batch;
            if callback(Event::Batch { epoch, batch: batch + 1, batches }).is_break() {
                return Err(TrainError::Stopped);
            }
            let step = (epoch - 1) * batches + batch;
            let total = self.config.epochs * batches;
            let rate = self.config.schedule.rate(self.config.learning_rate, step, total);
            let rows = &order[batch * size..n.min((batch + 1) * size)];
            let first = batch * size;
            let (loss, right) = self.step(train, (epoch, first), rows, weights.as_deref(), rate)?;
            self.progress.loss_sum += loss * rows.len() as f64;
            self.progress.right += right;
            self.progress.batch += 1;
        }
        let Progress { loss_sum, right, .. } = self.progress;
        self.swap_average();
        let evaluated = validation.map(|inputs| self.evaluate(inputs)).transpose();
        let snapshot = Snapshot::of(&self.network, &self.head);
        self.swap_average();
        let (val_loss, val_accuracy) = evaluated?.unzip();
        if val_loss.is_some_and(is_lost) || !snapshot.is_finite() {
            // The last step diverged, and no later batch would reveal it.
            self.good.clone().put_back(&mut self.network, &mut self.head);
            return Err(TrainError::Diverged {
                epoch,
                batch: batches,
                loss: val_loss.unwrap_or(f64::NAN),
                learning_rate: self.config.learning_rate,
            });
        }
        let done = Epoch {
            epoch,
            loss: loss_sum / n as f64,
            accuracy: right as f64 / (n * self.head.task.decisions(self.head.classes)) as f64,
            val_loss,
            val_accuracy,
            seconds: start.elapsed().as_secs_f64(),
        };
        self.progress = Progress { epoch, ..Progress::default() };
        self.history.epochs.push(done.clone());
        self.watch(&done, &snapshot);
        self.good = snapshot;
        let last = callback(Event::Epoch(&done)).is_break() || self.patience_is_over(epoch);
        self.history.stopped_early = last && epoch < self.config.epochs;
        Ok(done)
    }

    /// Trains on the next batch, across epochs, at this rate instead of the schedule's; returns the mean loss before
    /// the step. All batches have the same size, so that their losses are comparable; the remainder of an epoch is
    /// skipped. The history does not change: this is for [`range_test`], not for training.
    ///
    /// # Errors
    /// A picture that cannot be read, and [`TrainError::Diverged`] if loss or gradients become NaN or infinite.
    pub fn step_at(&mut self, train: &dyn Inputs, rate: f64) -> Result<f64, TrainError> {
        let n = train.labels().len();
        if n == 0 {
            return Err(TrainError::NoSamples);
        }
        let size = self.config.batch_size.min(n);
        if (self.progress.batch + 1) * size > n {
            self.progress = Progress { epoch: self.progress.epoch + 1, ..Progress::default() };
        }
        let (epoch, first) = (self.progress.epoch + 1, self.progress.batch * size);
        let weights = self.weights(train)?;
        let order = self.order(n, epoch);
        let rows = &order[first..][..size];
        let (loss, _) = self.step(train, (epoch, first), rows, weights.as_deref(), rate)?;
        self.progress.batch += 1;
        Ok(loss)
    }

    /// Checks that labels are valid classes or sets of classes, and that the weights, if any, match the pictures.
    fn check(&self, inputs: &dyn Inputs) -> Result<(), TrainError> {
        let labels = inputs.labels();
        check_labels(labels, inputs.label_sets(), self.head.classes)?;
        let weights = inputs.weights().map_or(labels.len(), <[_]>::len);
        check_length("sample weights", weights, labels.len())
    }

    /// The weight of each picture, or of each pair of picture and class; `None` if all are 1.
    fn weights(&self, inputs: &dyn Inputs) -> Result<Option<Vec<f32>>, TrainError> {
        self.check(inputs)?;
        let (labels, sets, own) = (inputs.labels(), inputs.label_sets(), inputs.weights());
        total_weights(labels, sets, self.head.classes, own, &self.config.class_weight)
    }

    /// The order of the pictures in an epoch.
    fn order(&self, n: usize, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        if self.config.shuffle {
            let mut random = ChaCha8Rng::seed_from_u64(self.config.seed);
            // Pictures' streams also have their epoch in the upper half, but a smaller lower half.
            random.set_stream((epoch as u64) << 32 | u64::from(u32::MAX));
            order.shuffle(&mut random);
        }
        order
    }

    /// The mean loss and the accuracy in inference mode.
    fn evaluate(&self, inputs: &dyn Inputs) -> Result<(f64, f64), TrainError> {
        let logits = self.head.logits(&self.features(inputs)?);
        let own = targets(inputs.labels(), inputs.label_sets());
        let loss = Loss::of_task(self.head.task, self.head.classes).forward(&logits, own, None);
        let right = right_decisions(&logits, own, self.head.units());
        let decisions = inputs.labels().len() * self.head.task.decisions(self.head.classes);
        Ok((loss, right as f64 / decisions as f64))
    }

    /// The features of pictures, `[pictures][features]`, for the current weights.
    ///
    /// # Errors
    /// A picture that cannot be read.
    pub fn features(&self, inputs: &dyn Inputs) -> Result<Vec<f32>, TrainError> {
        let n = inputs.labels().len();
        let mut features = vec![0.0; n * self.network.features()];
        let read = |index: usize, to: &mut [f32]| {
            inputs.read(1, index, to).map(|_| ()).map_err(TrainError::Input)
        };
        self.network.infer(n, read, &mut features)?;
        Ok(features)
    }

    /// Remembers the weights of the best epoch, if early stopping is enabled.
    fn watch(&mut self, done: &Epoch, snapshot: &Snapshot) {
        if self.config.early_stop.is_none() {
            return;
        }
        let watched = done.val_loss.unwrap_or(done.loss);
        if self.best.as_ref().is_none_or(|(loss, _)| watched < *loss) {
            self.best = Some((watched, snapshot.clone()));
            self.history.best_epoch = Some(done.epoch);
        }
    }

    /// Whether early stopping has waited long enough since the best epoch.
    fn patience_is_over(&self, epoch: usize) -> bool {
        let waited = epoch - self.history.best_epoch.unwrap_or(0);
        self.config.early_stop.is_some_and(|patience| waited >= patience.max(1))
    }

    /// Makes the initial weights a candidate, as epoch 0, if early stopping uses validation pictures.
    fn watch_start(&mut self, validation: Option<&dyn Inputs>) -> Result<(), TrainError> {
        let at_start = self.progress == Progress::default() && self.best.is_none();
        let Some(inputs) = validation.filter(|_| at_start && self.config.early_stop.is_some())
        else {
            return Ok(());
        };
        let (loss, _) = self.evaluate(inputs)?;
        if !is_lost(loss) {
            self.best = Some((loss, self.good.clone()));
            self.history.best_epoch = Some(0);
        }
        Ok(())
    }

    /// Ends training: writes the weights of the best epoch, or of the last, to `weights`, and returns the corresponding
    /// head. After [`TrainError::Diverged`] or [`TrainError::Stopped`], they are those of the last complete epoch.
    pub fn finish(mut self, weights: &mut Weights) -> (Head, History) {
        let snapshot = self.best.take().map_or(self.good, |(_, best)| best);
        snapshot.put_back(&mut self.network, &mut self.head);
        for parameter in self.network.parameters() {
            weights.set(&parameter.name, &parameter.values);
        }
        (self.head, self.history)
    }
}
