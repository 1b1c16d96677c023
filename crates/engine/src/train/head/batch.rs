use rand_chacha::ChaCha8Rng;

use super::Head;
use crate::train::{
    Samples,
    layers::Dropout,
    losses::{Loss, Targets},
    optimizers::{Optimizer, Variable},
};

/// One batch and its gradients; the memory is used again for the next.
#[derive(Default)]
pub(super) struct Batch {
    x: Vec<f32>,
    labels: Vec<usize>,
    soft_targets: Option<Vec<f32>>,
    weights: Option<Vec<f32>>,
    mask: Vec<f32>,
    logits: Vec<f32>,
    d_logits: Vec<f32>,
    d_kernel: Vec<f32>,
    d_bias: Vec<f32>,
}

impl Batch {
    /// Takes rows of samples, which count `weights`, or 1.
    pub(super) fn gather(
        &mut self,
        samples: &Samples,
        weights: Option<&[f32]>,
        rows: &[usize],
        label_smoothing: f32,
    ) {
        self.x.clear();
        self.labels.clear();
        for &row in rows {
            self.x.extend_from_slice(samples.row(row));
            self.labels.push(samples.labels[row]);
        }
        let loss = Loss::of(samples.classes);
        self.soft_targets = match samples.soft_targets {
            Some(targets) => {
                let units = loss.units();
                let rows = rows.iter().flat_map(|&row| &targets[row * units..][..units]);
                let mut targets: Vec<f32> = rows.copied().collect();
                loss.smooth(&mut targets, label_smoothing);
                Some(targets)
            }
            None if label_smoothing > 0.0 => Some(loss.soft_targets(&self.labels, label_smoothing)),
            None => None,
        };
        self.weights = weights.map(|w| rows.iter().map(|&row| w[row]).collect());
    }

    /// Forward, backward, update; returns the loss before the update.
    pub(super) fn step(
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
        let targets = match &self.soft_targets {
            Some(targets) => Targets::Soft(targets),
            None => Targets::Labels(&self.labels),
        };
        let value = loss.forward(&self.logits, targets, weights);
        loss.backward(&self.logits, targets, weights, &mut self.d_logits);
        head.dense().backward(&self.x, &self.d_logits, &mut self.d_kernel, &mut self.d_bias, None);
        let mut variables = [
            Variable::new(&mut head.kernel, &self.d_kernel),
            Variable::new(&mut head.bias, &self.d_bias),
        ];
        optimizer.step(learning_rate, &mut variables);
        value
    }

    /// How many of the batch's predictions were right, before the update.
    pub(super) fn right(&self, classes: usize) -> usize {
        let predicted = super::predict(&self.logits, classes);
        let pairs = self.labels.iter().zip(&predicted);
        pairs.filter(|(label, predicted)| label == predicted).count()
    }
}
