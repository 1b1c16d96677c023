use rand_chacha::ChaCha8Rng;

use super::Pass;
use super::layers::variables;
use crate::Head;
use crate::losses::Loss;
use crate::{Samples, Task, TrainError, losses::Targets, optimizers::Optimizer, samples::targets};

/// A batch and its gradients; the memory is reused for the next.
#[derive(Default)]
pub(super) struct Batch {
    rows: Vec<u32>,
    x: Vec<f32>,
    labels: Vec<usize>,
    soft_targets: Option<Vec<f32>>,
    weights: Option<Vec<f32>>,
    pass: Pass,
    d_logits: Vec<f32>,
}

impl Batch {
    /// Collects rows of samples with their `weights`, or 1.
    ///
    /// # Errors
    /// When their features cannot be read.
    pub(super) fn gather(
        &mut self,
        samples: &Samples,
        weights: Option<&[f32]>,
        rows: &[usize],
        label_smoothing: f32,
    ) -> Result<(), TrainError> {
        self.rows.clear();
        self.rows.extend(rows.iter().map(|&row| row as u32));
        self.x.resize(rows.len() * samples.dim, 0.0);
        samples.features.read(samples.dim, &self.rows, &mut self.x)?;
        self.labels.clear();
        self.labels.extend(rows.iter().map(|&row| samples.labels[row]));
        let are_plain = samples.soft_targets.is_none() && samples.task() == Task::SingleLabel;
        self.soft_targets = (!are_plain || label_smoothing > 0.0).then(|| {
            let loss = Loss::of_task(samples.task(), samples.classes);
            loss.soften(samples.targets(), rows, label_smoothing)
        });
        self.weights = weights.map(|weights| {
            let width = weights.len() / samples.len();
            rows.iter().flat_map(|&row| &weights[row * width..][..width]).copied().collect()
        });
        Ok(())
    }

    /// Forward, backward, update; returns the loss before the update.
    pub(super) fn step(
        &mut self,
        head: &mut Head,
        optimizer: &mut Optimizer,
        learning_rate: f64,
        random: &mut ChaCha8Rng,
    ) -> f64 {
        self.pass.forward(head, &self.x, &mut |dropout, _, from, mask, to| {
            dropout.forward(random, from, mask, to);
        });
        self.d_logits.resize(self.pass.logits.len(), 0.0);
        let (loss, weights) = (Loss::of_task(head.task, head.classes), self.weights.as_deref());
        let targets = match &self.soft_targets {
            Some(targets) => Targets::Soft(targets),
            None => Targets::Labels(&self.labels),
        };
        let value = loss.forward(&self.pass.logits, targets, weights);
        loss.backward(&self.pass.logits, targets, weights, &mut self.d_logits);
        self.pass.backward(head, &self.d_logits, None);
        let mut variables: Vec<_> = variables(head, &self.pass.gradients).collect();
        optimizer.step(learning_rate, &mut variables);
        value
    }

    /// The number of correct decisions of the batch before the update.
    pub(super) fn right(&self, samples: &Samples, units: usize) -> usize {
        super::right_decisions(&self.pass.logits, targets(&self.labels, samples.label_sets), units)
    }
}
