use rayon::prelude::*;

use super::super::ROWS_PER_TASK;
use crate::{Features, Samples, TrainError};

/// A feature whose deviation is below this fraction of its mean, or of the largest deviation of all features, counts as
/// constant: its variation is rounding error, which must not be amplified.
const CONSTANT: f64 = 1e-6;

/// The mean variance of all features contributes to that of each like this many samples. Otherwise, with nine pictures,
/// a feature that is present in one of them would count as much as one that separates them all.
const USUAL: f64 = 30.0;

/// Mean and deviation of each feature, in the precision in which they are applied.
pub(super) struct Standardisation {
    pub(super) mean: Vec<f32>,
    /// 1 / standard deviation (of the population), times the block's share; 0 for constant features.
    pub(super) inverse: Vec<f32>,
}

impl Standardisation {
    /// Computes the standardisation of the given rows; `draw_together` shrinks the deviations towards a common one, the
    /// more so the fewer rows there are. Features are divided into blocks of the given sizes; each has its own common
    /// deviation, and all have the same weight, regardless of their sizes.
    ///
    /// # Errors
    /// When their features cannot be read.
    pub(super) fn of(
        samples: &Samples,
        rows: &[u32],
        draw_together: bool,
        blocks: &[usize],
    ) -> Result<Self, TrainError> {
        let n = rows.len() as f64;
        let mut mean = sum_rows(samples, rows, |_, x| x)?;
        mean.iter_mut().for_each(|sum| *sum /= n);
        let mut deviation = sum_rows(samples, rows, |column, x| (x - mean[column]).powi(2))?;
        deviation.iter_mut().for_each(|sum| *sum = (*sum / n).sqrt());
        let own = if draw_together { 1.0 - USUAL / (n + USUAL) } else { 1.0 };
        let mut inverse = Vec::with_capacity(mean.len());
        for &block in blocks {
            let features = inverse.len()..inverse.len() + block;
            let (mean, deviation) = (&mean[features.clone()], &deviation[features]);
            let largest = deviation.iter().copied().fold(0.0, f64::max);
            let squares: f64 = deviation.iter().map(|deviation| deviation * deviation).sum();
            let common = (1.0 - own) * squares / block.max(1) as f64;
            let share = (samples.dim as f64 / (blocks.len() * block.max(1)) as f64).sqrt();
            inverse.extend(mean.iter().zip(deviation).map(|(mean, deviation)| {
                match *deviation > CONSTANT * largest.max(mean.abs()) {
                    true => {
                        let drawn = (own * deviation * deviation + common).sqrt();
                        let inverse = (share / drawn) as f32;
                        if inverse.is_finite() { inverse } else { 0.0 }
                    }
                    false => 0.0,
                }
            }));
        }
        Ok(Self { mean: mean.into_iter().map(|mean| mean as f32).collect(), inverse })
    }

    /// The number of features that are not constant.
    pub(super) fn varying(&self) -> usize {
        self.inverse.iter().filter(|inverse| **inverse > 0.0).count()
    }

    /// Writes the given rows, standardised to mean 0 and deviation 1, to z, rows x dim.
    ///
    /// # Errors
    /// When their features cannot be read.
    pub(super) fn apply(
        &self,
        features: Features,
        rows: &[u32],
        z: &mut [f32],
    ) -> Result<(), TrainError> {
        let dim = self.mean.len();
        let affine = || self.mean.iter().zip(&self.inverse);
        match features {
            Features::Memory(features) => {
                for (z, &row) in z.chunks_exact_mut(dim).zip(rows) {
                    let x = &features[row as usize * dim..][..dim];
                    for ((z, x), (mean, inverse)) in z.iter_mut().zip(x).zip(affine()) {
                        *z = (x - mean) * inverse;
                    }
                }
            }
            stored => {
                stored.read(dim, rows, z)?;
                for z in z.chunks_exact_mut(dim) {
                    for (z, (mean, inverse)) in z.iter_mut().zip(affine()) {
                        *z = (*z - mean) * inverse;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Tasks whose sums are in memory at a time.
const TASKS_AT_ONCE: usize = 64;

/// Sums a function of column and value over the rows, for each feature.
///
/// # Errors
/// When the rows cannot be read.
fn sum_rows(
    samples: &Samples,
    rows: &[u32],
    of: impl Fn(usize, f64) -> f64 + Sync,
) -> Result<Vec<f64>, TrainError> {
    let sum = |rows: &[u32]| -> Result<Vec<f64>, TrainError> {
        let mut sums = vec![0.0; samples.dim];
        let mut add = |row: &[f32]| {
            for (column, (sum, &x)) in sums.iter_mut().zip(row).enumerate() {
                *sum += of(column, x.into());
            }
        };
        match samples.features {
            Features::Memory(features) => {
                let row = |row: u32| &features[row as usize * samples.dim..][..samples.dim];
                rows.iter().for_each(|&index| add(row(index)));
            }
            Features::Stored(_) => {
                samples.features_of(rows)?.chunks_exact(samples.dim).for_each(add);
            }
        }
        Ok(sums)
    };
    let mut sums = vec![0.0; samples.dim];
    for rows in rows.chunks(ROWS_PER_TASK * TASKS_AT_ONCE) {
        let parts: Result<Vec<Vec<f64>>, TrainError> =
            rows.par_chunks(ROWS_PER_TASK).map(sum).collect();
        for part in parts? {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
    Ok(sums)
}
