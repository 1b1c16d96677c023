use rayon::prelude::*;

use super::super::ROWS_PER_TASK;
use crate::{Features, Samples, TrainError};

/// A feature whose deviation is below this share of its mean, or of the largest deviation of all, is
/// taken to be constant: what it has is rounding, which must not be blown up.
const CONSTANT: f64 = 1e-6;

/// The mean variance of all features counts for that of each as if so many samples had it: of nine pictures a
/// feature that one of them has would otherwise count for as much as one that parts them all.
const USUAL: f64 = 30.0;

/// Mean and deviation of each feature, in the precision that they are applied in.
pub(super) struct Standardisation {
    pub(super) mean: Vec<f32>,
    /// 1 / standard deviation (of the population), times the share of the block; 0 for constant features.
    pub(super) inverse: Vec<f32>,
}

impl Standardisation {
    /// That of the given rows; with `draw_together` the deviations are drawn towards a common one, the more so
    /// the fewer rows there are. Features come in blocks of so many each, of which each has a common deviation of
    /// its own; all blocks count the same, however many features they have.
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

    /// The number of features that vary.
    pub(super) fn varying(&self) -> usize {
        self.inverse.iter().filter(|inverse| **inverse > 0.0).count()
    }

    /// The given rows with mean 0 and deviation 1 into z, rows x dim.
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

/// For each feature, the sum over the rows of a function of column and value.
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
