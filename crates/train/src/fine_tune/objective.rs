//! The head on the features of a task's pictures: loss and gradients.

use std::ops::Range;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::inputs::Label;
use crate::Head;
use crate::head::{Pass, right_decisions};
use crate::losses::Loss;
use crate::losses::Targets;
use crate::samples::targets;

/// The targets and weights of a batch of pictures.
pub(super) struct Batch<'a> {
    /// The pictures' indices.
    pub(super) rows: &'a [usize],
    /// The class of every picture, or the index of its set of classes.
    pub(super) labels: &'a [usize],
    pub(super) label_sets: Option<&'a [Vec<usize>]>,
    /// The weight of each picture, or of each pair of picture and class; 1 if `None`.
    pub(super) weights: Option<&'a [f32]>,
    pub(super) label_smoothing: f32,
    /// The random seed of the dropout, with a stream for each picture of each epoch.
    pub(super) seed: u64,
    pub(super) epoch: usize,
    /// The position of the batch's first picture in the epoch.
    pub(super) first: usize,
}

/// The contributions of the pictures of a task.
pub(super) struct PartialSums {
    /// The sum over the pictures.
    pub(super) loss: f64,
    /// The number of correct decisions.
    pub(super) right: usize,
    /// The gradients of the head's weights.
    pub(super) d_head: Vec<Vec<f32>>,
}

impl Batch<'_> {
    /// Forward through dropout and head, and backward to `d_features`, `[pictures][features]`. The gradients are those
    /// of the mean over the batch.
    pub(super) fn part(
        &self,
        head: &Head,
        task: Range<usize>,
        shown: &[Label],
        features: &[f32],
        d_features: &mut [f32],
    ) -> PartialSums {
        let (n, units) = (task.len(), head.units());
        // Dropout draws from a separate stream for each picture, in any task.
        let mut streams: Vec<ChaCha8Rng> = Vec::new();
        let mut pass = Pass::default();
        pass.forward(head, features, &mut |dropout, width, from, mask, to| {
            streams.extend((streams.len()..n).map(|index| {
                let mut random = ChaCha8Rng::seed_from_u64(self.seed);
                let place = (self.first + task.start + index) as u64;
                random.set_stream((self.epoch as u64) << 32 | place);
                random
            }));
            let rows = from.chunks_exact(width).zip(to.chunks_exact_mut(width));
            let rows = rows.zip(mask.chunks_exact_mut(width)).zip(&mut streams);
            for (((from, to), mask), random) in rows {
                dropout.forward(random, from, mask, to);
            }
        });
        let logits = &pass.logits;

        let rows = &self.rows[task.clone()];
        let own: Vec<usize> = rows.iter().map(|&row| self.labels[row]).collect();
        let weights: Option<Vec<f32>> = self.weights.map(|weights| {
            let width = weights.len() / self.labels.len();
            rows.iter().flat_map(|&row| &weights[row * width..][..width]).copied().collect()
        });
        let loss = Loss::of_task(head.task, head.classes);
        let own = targets(&own, self.label_sets);
        let mut soft = loss.soften(own, &(0..n).collect::<Vec<_>>(), 0.0);
        for (target, label) in soft.chunks_exact_mut(units).zip(shown) {
            label.mix(loss, self.label_sets, target);
        }
        loss.smooth(&mut soft, self.label_smoothing);
        let plain = self.label_smoothing == 0.0 && shown.iter().all(|label| *label == Label::Own);
        let targets = if plain { own } else { Targets::Soft(&soft) };
        let mean = loss.forward(logits, targets, weights.as_deref());
        let mut d_logits = vec![0.0; logits.len()];
        loss.backward(logits, targets, weights.as_deref(), &mut d_logits);
        // So far the mean is over the task.
        let share = n as f32 / self.rows.len() as f32;
        d_logits.iter_mut().for_each(|d| *d *= share);

        let right = right_decisions(logits, own, units);
        pass.backward(head, &d_logits, Some(d_features));
        PartialSums { loss: mean * n as f64, right, d_head: pass.gradients }
    }
}
