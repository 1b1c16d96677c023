use rayon::prelude::*;

use super::folds::Fold;
use crate::train::{
    losses::{
        binary_crossentropy::{self, sigmoid},
        categorical_crossentropy::softmax,
    },
    matmul::{matmul, matmul_tn},
};

/// Penalised cross-entropy of standardised samples:
/// sum of weight x loss / sum of weights + penalty/2 |kernel|². The bias is not penalised.
///
/// Parameters are the kernel, dim x units, then the bias, units.
pub(super) struct Objective {
    /// n x dim.
    pub(super) z: Vec<f32>,
    pub(super) dim: usize,
    /// 1: one logit, labels 0 and 1. Else a logit for each label.
    pub(super) units: usize,
    pub(super) labels: Vec<usize>,
    pub(super) weights: Vec<f32>,
    pub(super) folds: Vec<Fold>,
}

/// Where the objective is to be evaluated.
pub(super) struct Point<'a> {
    pub(super) parameters: &'a [f64],
    pub(super) penalty: f64,
    /// Samples of this fold do not count for value and gradient.
    pub(super) hold_out: Fold,
}

/// The objective at a point.
pub(super) struct Evaluation {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    /// The sum of weight x loss over the samples held out.
    pub(super) held_out: f64,
}

/// What a piece of the samples adds.
struct Part {
    /// dim x columns.
    d_kernel: Vec<f32>,
    /// columns.
    d_bias: Vec<f64>,
    /// For each point: the loss of the samples that train, and of those held out.
    losses: Vec<[f64; 2]>,
}

impl Objective {
    /// The number of kernel parameters; the bias follows them.
    pub(super) fn kernel_len(&self) -> usize {
        self.dim * self.units
    }

    /// Where to start: no kernel, and as bias the logarithm of each class's share of the weights.
    pub(super) fn start(&self) -> Vec<f64> {
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

    /// About the inverse of the Hessian's diagonal: features have mean 0 and variance 1, and a
    /// logit's second derivative is p (1 - p).
    pub(super) fn scale(&self, penalty: f64) -> Vec<f64> {
        let classes = self.units.max(2) as f64;
        let curvature = (1.0 - 1.0 / classes) / classes;
        let mut scale = vec![1.0 / (curvature + penalty); self.kernel_len()];
        scale.resize(self.kernel_len() + self.units, 1.0 / curvature);
        scale
    }

    /// The sum of the weights of the samples that train, or of those held out, in a fold.
    pub(super) fn weight(&self, fold: Fold, held_out: bool) -> f64 {
        let rows = self.weights.iter().zip(&self.folds);
        rows.filter(|(_, of)| is_held_out(**of, fold) == held_out)
            .map(|(&weight, _)| f64::from(weight))
            .sum()
    }

    /// The objective at several points, in one pass over the samples.
    pub(super) fn evaluate(&self, points: &[Point]) -> Vec<Evaluation> {
        let columns = points.len() * self.units;
        let (kernel, bias) = self.gather(points);
        let rows = self.rows_per_task();
        let parts: Vec<Part> = (0..self.labels.len().div_ceil(rows))
            .into_par_iter()
            .map(|task| {
                let start = task * rows;
                self.part(points, &kernel, &bias, start..(start + rows).min(self.labels.len()))
            })
            .collect();

        let mut d_kernel = vec![0.0; self.dim * columns];
        d_kernel.par_chunks_mut(4096).enumerate().for_each(|(chunk, sums)| {
            for part in &parts {
                for (sum, &d) in sums.iter_mut().zip(&part.d_kernel[chunk * 4096..]) {
                    *sum += f64::from(d);
                }
            }
        });
        let finish = |(index, point): (usize, &Point)| {
            let total = self.weight(point.hold_out, false);
            let own = index * self.units..(index + 1) * self.units;
            let mut gradient = Vec::with_capacity(point.parameters.len());
            for row in d_kernel.chunks_exact(columns) {
                gradient.extend(row[own.clone()].iter().map(|d| d / total));
            }
            let weights = &point.parameters[..self.kernel_len()];
            let mut square = 0.0;
            for (d, w) in gradient.iter_mut().zip(weights) {
                *d += point.penalty * w;
                square += w * w;
            }
            let d_bias = |unit| parts.iter().map(|part| part.d_bias[unit]).sum::<f64>();
            gradient.extend(own.map(|unit| d_bias(unit) / total));
            let loss =
                |which: usize| parts.iter().map(|part| part.losses[index][which]).sum::<f64>();
            Evaluation {
                value: loss(0) / total + point.penalty / 2.0 * square,
                gradient,
                held_out: loss(1),
            }
        };
        points.iter().enumerate().map(finish).collect()
    }

    /// The kernels of all points side by side, dim x columns, and the biases.
    fn gather(&self, points: &[Point]) -> (Vec<f32>, Vec<f32>) {
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

    fn part(
        &self,
        points: &[Point],
        kernel: &[f32],
        bias: &[f32],
        rows: std::ops::Range<usize>,
    ) -> Part {
        let (n, columns) = (rows.len(), bias.len());
        let z = &self.z[rows.start * self.dim..rows.end * self.dim];
        let mut logits = vec![0.0; n * columns];
        for row in logits.chunks_exact_mut(columns) {
            row.copy_from_slice(bias);
        }
        matmul(z, kernel, 1.0, &mut logits, [n, self.dim, columns]);

        // The logits become the gradient of the loss with respect to them.
        let mut losses = vec![[0.0; 2]; points.len()];
        let mut d_bias = vec![0.0; columns];
        let mut p = vec![0.0; self.units];
        for (row, line) in rows.zip(logits.chunks_exact_mut(columns)) {
            let (label, weight) = (self.labels[row], f64::from(self.weights[row]));
            for (index, point) in points.iter().enumerate() {
                let own = &mut line[index * self.units..][..self.units];
                let loss = weight * loss_and_difference(own, label, &mut p);
                let held_out = is_held_out(self.folds[row], point.hold_out);
                losses[index][usize::from(held_out)] += loss;
                let scale = if held_out { 0.0 } else { weight };
                let d_bias = &mut d_bias[index * self.units..];
                for ((d, p), sum) in own.iter_mut().zip(&p).zip(d_bias) {
                    *d = (scale * p) as f32;
                    *sum += scale * p;
                }
            }
        }
        let mut d_kernel = vec![0.0; self.dim * columns];
        matmul_tn(z, &logits, 0.0, &mut d_kernel, [self.dim, n, columns]);
        Part { d_kernel, d_bias, losses }
    }

    /// Depends on the number of samples alone, so that sums are cut in the same way on any machine.
    fn rows_per_task(&self) -> usize {
        self.labels.len().div_ceil(16).clamp(32, 256)
    }
}

fn is_held_out(of: Fold, fold: Fold) -> bool {
    fold.is_some() && of == fold
}

/// The loss of one sample, and in `p` the probabilities less 1 at the label.
fn loss_and_difference(logits: &[f32], label: usize, p: &mut [f64]) -> f64 {
    if let [z] = logits {
        let z = f64::from(*z);
        p[0] = sigmoid(z) - label as f64;
        return binary_crossentropy::of_row(z, label);
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
