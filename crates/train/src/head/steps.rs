use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{AdamConfig, batch::Batch, untrained};
use crate::Head;
use crate::{
    Samples, TrainError,
    optimizers::{Optimizer, OptimizerConfig},
};

/// A new head that is trained with Adam a step at a time, each at a rate of its own: for
/// [`range_test`](crate::range_test). What training keeps besides, [`super::fit_adam`] does.
pub struct HeadSteps<'a> {
    samples: Samples<'a>,
    config: AdamConfig,
    weights: Option<Vec<f32>>,
    head: Head,
    optimizer: Optimizer,
    random: ChaCha8Rng,
    batch: Batch,
    order: Vec<usize>,
    /// Of the order, what has been taken.
    taken: usize,
    epoch: usize,
}

impl<'a> HeadSteps<'a> {
    /// Begins with the head that [`super::fit_adam`] begins with. The learning rate and the number
    /// of epochs are left alone.
    ///
    /// # Errors
    /// Samples or options that make no sense.
    pub fn new(samples: Samples<'a>, config: &AdamConfig) -> Result<Self, TrainError> {
        config.check()?;
        samples.check_trainable()?;
        let order: Vec<usize> = (0..samples.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(config.seed);
        // The first stream drew the kernel.
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

    /// Takes the next batch, epoch after epoch, at this rate; returns the mean loss before the step.
    /// All batches are of one size, so that their losses can be compared: what is left over at the
    /// end of an epoch waits for another.
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
