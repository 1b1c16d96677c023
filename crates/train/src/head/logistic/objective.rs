use std::{borrow::Cow, ops::Range};

use headstart_engine::head::{sigmoid, softmax};
use headstart_kernels::{
    Clamp, Isa,
    conv::{Conv, KernelGradient, Windows},
};
use rayon::prelude::*;

use super::{folds::Fold, standardise::Standardisation};
use crate::{Features, TrainError, losses::binary_crossentropy};

/// Rows that are standardised at a time; they stay in the cache for both products.
const BLOCK: usize = 32;
/// Multiply-adds between two calls of `go_on`: a fraction of a second.
const BETWEEN_QUESTIONS: usize = 2 << 30;
/// Minimum number of tasks between two calls of `go_on`, since there may be many threads.
const LEAST_TASKS: usize = 8;

/// The penalised cross-entropy of standardised samples: sum of weight x loss / sum of weights + penalty/2 |kernel|². In
/// a multi-label task, a sample's loss is the sum over its logits. The bias is not penalised.
///
/// Parameters are the kernel, dim x units, then the bias, units.
pub(super) struct Objective<'a> {
    pub(super) isa: Isa,
    pub(super) features: Features<'a>,
    pub(super) dim: usize,
    pub(super) standardisation: &'a Standardisation,
    /// The rows of the features that belong to this objective; the following fields have one element for each.
    pub(super) rows: Vec<u32>,
    /// 1: a single logit, labels 0 and 1. Otherwise one logit for each label.
    pub(super) units: usize,
    pub(super) labels: Cow<'a, [usize]>,
    /// Sets of positive logits, into which labels are indices.
    pub(super) sets: Option<Vec<Vec<usize>>>,
    pub(super) weights: Vec<f32>,
    /// Additional weight of each pair of sample and logit, n x units; 1 if `None`.
    pub(super) of_pairs: Option<Vec<f32>>,
    pub(super) folds: Vec<Fold>,
}

/// A point at which the objective is evaluated.
pub(super) struct Point<'a> {
    pub(super) parameters: &'a [f64],
    pub(super) penalty: f64,
    /// Samples of this fold are excluded from value and gradient.
    pub(super) hold_out: Fold,
}

/// The objective at a point.
pub(super) struct Evaluation {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
}

/// The contributions of a piece of the samples.
struct PartialSums {
    /// dim x columns.
    d_kernel: Vec<f32>,
    /// columns.
    d_bias: Vec<f64>,
    /// Those of the training samples of each point.
    losses: Vec<f64>,
}

impl Objective<'_> {
    /// The number of kernel parameters; the bias follows them.
    pub(super) fn kernel_len(&self) -> usize {
        self.dim * self.units
    }

    /// The starting point: a zero kernel, and as bias the logarithm of each class's share of the weights.
    pub(super) fn start(&self) -> Vec<f64> {
        if let Some(sets) = &self.sets {
            let mut start = vec![0.0; self.kernel_len()];
            let shares = self.shares(sets);
            start.extend(shares.iter().map(|share| (share / (1.0 - share)).ln()));
            return start;
        }
        let mut shares = vec![0.0; self.units.max(2)];
        for (&label, &weight) in self.labels.iter().zip(&self.weights) {
            shares[label] += f64::from(weight);
        }
        let logs: Vec<f64> = shares.iter().map(|share| share.ln()).collect();
        let mut start = vec![0.0; self.kernel_len()];
        match self.units {
            1 => start.push(logs[1] - logs[0]),
            units => {
                let mean = logs.iter().sum::<f64>() / units as f64;
                start.extend(logs.iter().map(|log| log - mean));
            }
        }
        start
    }

    /// An approximation of the inverse of the Hessian's diagonal: features have mean 0 and variance 1, and a logit's
    /// second derivative is p (1 - p).
    pub(super) fn scale(&self, penalty: f64) -> Vec<f64> {
        if let Some(sets) = &self.sets {
            let curvatures: Vec<f64> =
                self.shares(sets).iter().map(|share| share * (1.0 - share)).collect();
            let kernel = curvatures.iter().map(|curvature| 1.0 / (curvature + penalty));
            let mut scale: Vec<f64> = kernel.cycle().take(self.kernel_len()).collect();
            scale.extend(curvatures.iter().map(|curvature| 1.0 / curvature));
            return scale;
        }
        let classes = self.units.max(2) as f64;
        let curvature = (1.0 - 1.0 / classes) / classes;
        let mut scale = vec![1.0 / (curvature + penalty); self.kernel_len()];
        scale.resize(self.kernel_len() + self.units, 1.0 / curvature);
        scale
    }

    /// For each logit, the share of its positive samples in the weights, strictly between 0 and 1.
    fn shares(&self, sets: &[Vec<usize>]) -> Vec<f64> {
        let mut sums = vec![[0.0; 2]; self.units];
        for (row, &label) in self.labels.iter().enumerate() {
            for (unit, sums) in sums.iter_mut().enumerate() {
                sums[1] += self.weight_of(row, unit);
            }
            sets[label].iter().for_each(|&unit| sums[unit][0] += self.weight_of(row, unit));
        }
        sums.iter().map(|[yes, all]| (yes / all).clamp(1e-6, 1.0 - 1e-6)).collect()
    }

    /// The weight of a pair of sample and logit.
    pub(super) fn weight_of(&self, row: usize, unit: usize) -> f64 {
        let of_pair = |pairs: &Vec<f32>| f64::from(pairs[row * self.units + unit]);
        f64::from(self.weights[row]) * self.of_pairs.as_ref().map_or(1.0, of_pair)
    }

    /// The sum of the weights of the samples of a fold that are held out, or of those used for training.
    pub(super) fn weight(&self, fold: Fold, held_out: bool) -> f64 {
        let rows = self.weights.iter().zip(&self.folds);
        rows.filter(|(_, of)| is_held_out(**of, fold) == held_out)
            .map(|(&weight, _)| f64::from(weight))
            .sum()
    }

    /// Evaluates the objective at several points in one pass over the samples. `go_on` is called during the pass.
    pub(super) fn evaluate(
        &self,
        points: &[Point],
        go_on: &mut dyn FnMut() -> Result<(), TrainError>,
    ) -> Result<Vec<Evaluation>, TrainError> {
        let (n, dim, columns) = (self.labels.len(), self.dim, points.len() * self.units);
        let (kernel, bias) = self.gather(points);
        let forward = Conv::new(self.isa, &kernel, &bias, Clamp::NONE);
        let rows = self.rows_per_task();
        let tasks = n.div_ceil(rows);
        let at_once = (BETWEEN_QUESTIONS / (2 * rows * dim * columns)).max(LEAST_TASKS);

        let mut d_kernel = vec![0.0; columns * dim];
        let mut d_bias = vec![0.0; columns];
        let mut losses = vec![0.0; points.len()];
        for first in (0..tasks).step_by(at_once) {
            go_on()?;
            let parts: Result<Vec<PartialSums>, TrainError> = (first..(first + at_once).min(tasks))
                .into_par_iter()
                .map(|task| self.part(points, &forward, task * rows..n.min((task + 1) * rows)))
                .collect();
            let parts = parts?;
            d_kernel.par_chunks_mut(4096).enumerate().for_each(|(chunk, sums)| {
                for part in &parts {
                    for (sum, &d) in sums.iter_mut().zip(&part.d_kernel[chunk * 4096..]) {
                        *sum += f64::from(d);
                    }
                }
            });
            for part in &parts {
                d_bias.iter_mut().zip(&part.d_bias).for_each(|(sum, d)| *sum += d);
                losses.iter_mut().zip(&part.losses).for_each(|(sum, loss)| *sum += loss);
            }
        }
        let finish = |(index, point): (usize, &Point)| {
            let total = self.weight(point.hold_out, false);
            let own = index * self.units..(index + 1) * self.units;
            let mut gradient = Vec::with_capacity(point.parameters.len());
            let mut square = 0.0;
            for (row, weights) in
                point.parameters[..self.kernel_len()].chunks_exact(self.units).enumerate()
            {
                let d_weights = &d_kernel[row * columns..][own.clone()];
                for (w, d) in weights.iter().zip(d_weights) {
                    gradient.push(d / total + point.penalty * w);
                    square += w * w;
                }
            }
            gradient.extend(d_bias[own].iter().map(|d| d / total));
            Evaluation { value: losses[index] / total + point.penalty / 2.0 * square, gradient }
        };
        Ok(points.iter().enumerate().map(finish).collect())
    }

    /// The kernels of all points side by side, dim x columns, and their biases.
    pub(super) fn gather(&self, points: &[Point]) -> (Vec<f32>, Vec<f32>) {
        let columns = points.len() * self.units;
        let (mut kernel, mut bias) = (vec![0.0; self.dim * columns], vec![0.0; columns]);
        for (index, point) in points.iter().enumerate() {
            let own = index * self.units;
            let (from, from_bias) = point.parameters.split_at(self.kernel_len());
            for (to, from) in kernel.chunks_exact_mut(columns).zip(from.chunks_exact(self.units)) {
                narrow(from, &mut to[own..]);
            }
            narrow(from_bias, &mut bias[own..]);
        }
        (kernel, bias)
    }

    /// `forward` contains the kernels and biases of all points.
    ///
    /// # Errors
    /// When features cannot be read.
    fn part(
        &self,
        points: &[Point],
        forward: &Conv,
        rows: Range<usize>,
    ) -> Result<PartialSums, TrainError> {
        let (dim, columns) = (self.dim, forward.outputs());
        let mut z = vec![0.0; BLOCK.min(rows.len()) * dim];
        let mut logits = vec![0.0; BLOCK.min(rows.len()) * columns];
        let mut d_kernel = vec![0.0; dim * columns];
        let mut d_bias = vec![0.0; columns];
        let mut in_f32 = vec![0.0; columns];
        let mut losses = vec![0.0; points.len()];
        for start in rows.clone().step_by(BLOCK) {
            let block = start..(start + BLOCK).min(rows.end);
            let n = block.len();
            let z = &mut z[..n * dim];
            self.standardisation.apply(self.features, &self.rows[block.clone()], z)?;
            let logits = &mut logits[..n * columns];
            let windows = Windows::pixels(1, n, dim);
            forward.apply(z, windows, None, logits);
            self.differentiate(points, block, logits, &mut losses, &mut d_bias);
            let gradient = KernelGradient {
                x: z,
                windows,
                d_out: logits,
                d_kernel: &mut d_kernel,
                // The bias's own is summed in f64.
                d_bias: &mut in_f32,
                add: true,
            };
            gradient.run(self.isa);
        }
        Ok(PartialSums { d_kernel, d_bias, losses })
    }

    /// Replaces the logits by the gradient of the loss with respect to them; accumulates losses and the gradient of the
    /// bias.
    fn differentiate(
        &self,
        points: &[Point],
        rows: Range<usize>,
        logits: &mut [f32],
        losses: &mut [f64],
        d_bias: &mut [f64],
    ) {
        let mut p = vec![0.0; self.units];
        for (row, line) in rows.zip(logits.chunks_exact_mut(d_bias.len())) {
            let (label, weight) = (self.labels[row], f64::from(self.weights[row]));
            for (index, point) in points.iter().enumerate() {
                let own = &mut line[index * self.units..][..self.units];
                let (loss, weight) = match &self.sets {
                    None => (weight * loss_and_difference(own, label, &mut p), weight),
                    // Each logit has its own weight, which is included in the differences.
                    Some(sets) => {
                        let weight = |unit| self.weight_of(row, unit);
                        (losses_and_differences(own, &sets[label], weight, &mut p), 1.0)
                    }
                };
                let scale = if is_held_out(self.folds[row], point.hold_out) {
                    0.0
                } else {
                    losses[index] += loss;
                    weight
                };
                let d_bias = &mut d_bias[index * self.units..];
                for ((d, p), sum) in own.iter_mut().zip(&p).zip(d_bias) {
                    *d = (scale * p) as f32;
                    *sum += scale * p;
                }
            }
        }
    }

    /// Depends only on the number of samples, so that sums are split in the same way on any machine.
    fn rows_per_task(&self) -> usize {
        self.labels.len().div_ceil(16).clamp(32, 256)
    }
}

fn is_held_out(of: Fold, fold: Fold) -> bool {
    fold.is_some() && of == fold
}

/// Returns the sum of the weighted losses of one sample's logits, with those of `set` positive; writes their weighted
/// derivatives to `p`.
fn losses_and_differences(
    logits: &[f32],
    set: &[usize],
    weight: impl Fn(usize) -> f64,
    p: &mut [f64],
) -> f64 {
    let mut loss = 0.0;
    for (unit, (p, &z)) in p.iter_mut().zip(logits).enumerate() {
        let (z, target) = (f64::from(z), f64::from(u8::from(set.contains(&unit))));
        let weight = weight(unit);
        loss += weight * binary_crossentropy::of_logit(z, target);
        *p = weight * (sigmoid(z) - target);
    }
    loss
}

/// Returns the loss of one sample; writes to `p` the probabilities minus 1 at the label.
fn loss_and_difference(logits: &[f32], label: usize, p: &mut [f64]) -> f64 {
    if let [z] = logits {
        let z = f64::from(*z);
        p[0] = sigmoid(z) - label as f64;
        return binary_crossentropy::of_logit(z, label as f64);
    }
    for (p, &z) in p.iter_mut().zip(logits) {
        *p = z.into();
    }
    let loss = softmax(p) - f64::from(logits[label]);
    p[label] -= 1.0;
    loss
}

fn narrow(from: &[f64], to: &mut [f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from as f32;
    }
}
