//! The loss of held-out samples, apart from the scale of their logits.

use headstart_engine::head::{sigmoid, softmax};
use headstart_kernels::{
    Clamp,
    conv::{Conv, Windows},
};
use rayon::prelude::*;

use super::objective::{Objective, Point};
use crate::{TrainError, losses::binary_crossentropy};

/// Samples whose logits are computed at a time.
const BLOCK: usize = 32;
/// Largest scale of logits, and the inverse of the smallest.
const LARGEST: f64 = 100.0;

/// Logits of the held-out samples of several fits, each sample by the fit that did not see it.
pub(super) struct HeldOut<'a> {
    objective: &'a Objective<'a>,
    /// Indices of the samples.
    samples: Vec<usize>,
    /// Without the bias, samples x units.
    products: Vec<f32>,
    /// The bias, samples x units.
    biases: Vec<f32>,
}

/// A scale of the products of features and kernel, and the loss with it.
pub(super) struct Scaled {
    pub(super) scale: f64,
    /// Weighted mean over the held-out samples.
    pub(super) log_loss: f64,
}

impl<'a> HeldOut<'a> {
    /// Computes the logits of every sample whose fold one of the points holds out.
    ///
    /// # Errors
    /// When features cannot be read.
    pub(super) fn of(objective: &'a Objective, points: &[Point]) -> Result<Self, TrainError> {
        let units = objective.units;
        let (kernel, bias) = objective.gather(points);
        let none = vec![0.0; bias.len()];
        let forward = Conv::new(objective.isa, &kernel, &none, Clamp::NONE);
        let point_of = |sample: &usize| {
            let fold = objective.folds[*sample];
            points.iter().position(|point| fold.is_some() && point.hold_out == fold)
        };
        let samples: Vec<usize> =
            (0..objective.rows.len()).filter(|sample| point_of(sample).is_some()).collect();
        let rows: Vec<u32> = samples.iter().map(|&sample| objective.rows[sample]).collect();
        let mut products = vec![0.0; samples.len() * units];
        let mut biases = products.clone();
        let places =
            products.par_chunks_mut(BLOCK * units).zip(biases.par_chunks_mut(BLOCK * units));
        let blocks = samples.par_chunks(BLOCK).zip(rows.par_chunks(BLOCK));
        blocks.zip(places).try_for_each(|((samples, rows), (products, biases))| {
            let mut z = vec![0.0; rows.len() * objective.dim];
            let mut logits = vec![0.0; rows.len() * bias.len()];
            objective.standardisation.apply(objective.features, rows, &mut z)?;
            forward.apply(&z, Windows::pixels(1, rows.len(), objective.dim), None, &mut logits);
            let places = products.chunks_exact_mut(units).zip(biases.chunks_exact_mut(units));
            let logits = logits.chunks_exact(bias.len());
            for ((sample, logits), (product, own_bias)) in samples.iter().zip(logits).zip(places) {
                let first = point_of(sample).expect("only such samples are kept") * units;
                product.copy_from_slice(&logits[first..first + units]);
                own_bias.copy_from_slice(&bias[first..first + units]);
            }
            Ok(())
        })?;
        Ok(Self { objective, samples, products, biases })
    }

    /// The scale with the lowest loss: the loss is convex in it.
    ///
    /// A prior with less weight than one sample expects its logarithm to be within about 1 of zero. Without it, a few
    /// samples that are all correct would make every answer certain.
    pub(super) fn best_scale(&self) -> Scaled {
        let (mut low, mut high) = (-LARGEST.ln(), LARGEST.ln());
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            let slope = self.loss_and_slope(middle.exp()).1 * middle.exp() + middle;
            if slope > 0.0 { high = middle } else { low = middle }
        }
        let scale = ((low + high) / 2.0).exp();
        let weight: f64 =
            self.samples.iter().map(|&sample| f64::from(self.objective.weights[sample])).sum();
        Scaled { scale, log_loss: self.loss_and_slope(scale).0 / weight.max(f64::MIN_POSITIVE) }
    }

    /// The sum of weight x loss with this scale, and its derivative.
    fn loss_and_slope(&self, scale: f64) -> (f64, f64) {
        let units = self.objective.units;
        let rows = self.products.chunks_exact(units).zip(self.biases.chunks_exact(units));
        let mut z = vec![0.0; units];
        let (mut loss, mut slope) = (0.0, 0.0);
        for (&sample, (products, biases)) in self.samples.iter().zip(rows) {
            for ((z, &product), &bias) in z.iter_mut().zip(products).zip(biases) {
                *z = scale * f64::from(product) + f64::from(bias);
            }
            let (own, d) = self.of_sample(sample, &mut z, products);
            loss += own;
            slope += d;
        }
        (loss, slope)
    }

    /// The weighted loss of a sample with logits `z`, which are overwritten, and its derivative with respect to the scale
    /// of `products`.
    fn of_sample(&self, sample: usize, z: &mut [f64], products: &[f32]) -> (f64, f64) {
        let label = self.objective.labels[sample];
        let is_positive = |unit: usize| match &self.objective.sets {
            Some(sets) => sets[label].contains(&unit),
            None => label == 1,
        };
        if self.objective.sets.is_some() || z.len() == 1 {
            let (mut loss, mut slope) = (0.0, 0.0);
            for (unit, (z, &product)) in z.iter().zip(products).enumerate() {
                let weight = self.objective.weight_of(sample, unit);
                let target = f64::from(u8::from(is_positive(unit)));
                loss += weight * binary_crossentropy::of_logit(*z, target);
                slope += weight * (sigmoid(*z) - target) * f64::from(product);
            }
            return (loss, slope);
        }
        let weight = f64::from(self.objective.weights[sample]);
        let of_label = z[label];
        let loss = softmax(z) - of_label;
        let mean: f64 = z.iter().zip(products).map(|(p, &product)| p * f64::from(product)).sum();
        (weight * loss, weight * (mean - f64::from(products[label])))
    }
}
