//! The head over the features of a task's pictures: loss and gradients.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::inputs::Label;
use crate::train::head::{Head, predict};
use crate::train::layers::Dropout;
use crate::train::losses::Targets;

/// What the pictures of a batch should be taken for.
pub(super) struct Batch<'a> {
    /// The pictures' indices.
    pub(super) rows: &'a [usize],
    /// The class of every picture.
    pub(super) labels: &'a [usize],
    /// What every picture counts for; 1 if there is nothing.
    pub(super) weights: Option<&'a [f32]>,
    pub(super) label_smoothing: f32,
    /// Decides the dropout: a stream for each picture of each epoch.
    pub(super) seed: u64,
    pub(super) epoch: usize,
    /// The place of the batch's first picture in the epoch.
    pub(super) first: usize,
}

/// What the pictures of a task add.
pub(super) struct Part {
    /// The sum over the pictures.
    pub(super) loss: f64,
    pub(super) right: usize,
    pub(super) d_kernel: Vec<f32>,
    pub(super) d_bias: Vec<f32>,
}

impl Batch<'_> {
    /// Forward through dropout and head, and back to `d_features`, `[pictures][features]`. The
    /// gradients are those of the mean over the batch.
    pub(super) fn part(
        &self,
        head: &Head,
        task: Range<usize>,
        shown: &[Label],
        features: &[f32],
        d_features: &mut [f32],
    ) -> Part {
        let (n, dim, units) = (task.len(), head.dim(), head.units());
        let (mut x, mut mask) = (features.to_vec(), Vec::new());
        if head.dropout > 0.0 {
            mask.resize(x.len(), 0.0);
            let rows = features.chunks_exact(dim).zip(x.chunks_exact_mut(dim));
            for (index, ((from, to), mask)) in rows.zip(mask.chunks_exact_mut(dim)).enumerate() {
                let mut random = ChaCha8Rng::seed_from_u64(self.seed);
                let place = (self.first + task.start + index) as u64;
                random.set_stream((self.epoch as u64) << 32 | place);
                Dropout { rate: head.dropout }.forward(&mut random, from, mask, to);
            }
        }
        let mut logits = vec![0.0; n * units];
        head.dense().forward(&x, &mut logits);

        let rows = &self.rows[task.clone()];
        let own: Vec<usize> = rows.iter().map(|&row| self.labels[row]).collect();
        let weights: Option<Vec<f32>> =
            self.weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
        let loss = head.loss();
        let mut soft = loss.soft_targets(&own, 0.0);
        for (target, label) in soft.chunks_exact_mut(units).zip(shown) {
            label.mix(loss, target);
        }
        loss.smooth(&mut soft, self.label_smoothing);
        let plain = self.label_smoothing == 0.0 && shown.iter().all(|label| *label == Label::Own);
        let targets = if plain { Targets::Labels(&own) } else { Targets::Soft(&soft) };
        let mean = loss.forward(&logits, targets, weights.as_deref());
        let mut d_logits = vec![0.0; logits.len()];
        loss.backward(&logits, targets, weights.as_deref(), &mut d_logits);
        // Of the task's mean, as yet.
        let share = n as f32 / self.rows.len() as f32;
        d_logits.iter_mut().for_each(|d| *d *= share);

        let (mut d_kernel, mut d_bias) = (vec![0.0; dim * units], vec![0.0; units]);
        head.dense().backward(&x, &d_logits, &mut d_kernel, &mut d_bias, Some(d_features));
        if !mask.is_empty() {
            let d_x = d_features.to_vec();
            Dropout::backward(&mask, &d_x, d_features);
        }
        let predicted = predict(&logits, head.classes);
        let right = predicted.iter().zip(&own).filter(|(predicted, own)| predicted == own).count();
        Part { loss: mean * n as f64, right, d_kernel, d_bias }
    }
}
