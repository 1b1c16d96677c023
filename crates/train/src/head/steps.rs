use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{AdamConfig, batch::Batch, untrained};
use crate::Head;
use crate::{
    Samples, TrainError,
    optimizers::{Optimizer, OptimizerConfig},
};

/// A new head trained with Adam one step at a time, each at its own rate: for [`range_test`](crate::range_test). Other
/// features of training are in [`super::fit_adam`].
pub struct HeadSteps<'a> {
    samples: Samples<'a>,
    config: AdamConfig,
    weights: Option<Vec<f32>>,
    head: Head,
    optimizer: Optimizer,
    random: ChaCha8Rng,
    batch: Batch,
    order: Vec<usize>,
    /// The part of the order that has been used.
    taken: usize,
    epoch: usize,
}

impl<'a> HeadSteps<'a> {
    /// Starts with the same head as [`super::fit_adam`]. The configured learning rate and number of epochs are ignored.
    ///
    /// # Errors
    /// Invalid samples or options.
    pub fn new(samples: Samples<'a>, config: &AdamConfig) -> Result<Self, TrainError> {
        config.check()?;
        samples.check_trainable()?;
        let order: Vec<usize> = (0..samples.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(config.seed);
        // The first stream was used for the kernel.
        random.set_stream(1);
        Ok(Self {
            samples,
            config: config.clone(),
            weights: samples.total_weights(&config.class_weight)?,
            head: untrained(
                samples.task(),
                samples.dim,
                samples.classes,
                config.dropout,
                config.seed,
            ),
            optimizer: Optimizer::new(OptimizerConfig::adam()),
            random,
            batch: Batch::default(),
            // The first step shuffles.
            taken: order.len(),
            order,
            epoch: 0,
        })
    }

    /// Trains on the next batch, across epochs, at this rate; returns the mean loss before the step. All batches have
    /// the same size, so that their losses are comparable; the remainder of an epoch is skipped.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss becomes NaN or infinite.
    pub fn step_at(&mut self, rate: f64) -> Result<f64, TrainError> {
        let size = self.config.batch_size.min(self.order.len());
        if self.taken + size > self.order.len() {
            (self.taken, self.epoch) = (0, self.epoch + 1);
            if self.config.shuffle {
                self.order.shuffle(&mut self.random);
            }
        }
        let rows = &self.order[self.taken..][..size];
        self.taken += size;
        let smoothing = self.config.label_smoothing;
        self.batch.gather(&self.samples, self.weights.as_deref(), rows, smoothing)?;
        let Self { batch, head, optimizer, random, .. } = self;
        let loss = batch.step(head, optimizer, rate, random);
        if !loss.is_finite() {
            let (epoch, batch) = (self.epoch, self.taken / size);
            return Err(TrainError::Diverged { epoch, batch, loss, learning_rate: rate });
        }
        Ok(loss)
    }
}
