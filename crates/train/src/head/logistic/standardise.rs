use rayon::prelude::*;

use super::super::ROWS_PER_TASK;
use crate::Samples;

/// A feature whose deviation is below this share of its mean, or of the largest deviation of all, is
/// taken to be constant: what it has is rounding, which must not be blown up.
const CONSTANT: f64 = 1e-6;

/// The mean variance of all features counts for that of each as if so many samples had it: of nine pictures a
/// feature that one of them has would otherwise count for as much as one that parts them all.
const USUAL: f64 = 30.0;

/// Mean and deviation of each feature, in the precision that they are applied in.
pub(super) struct Standardisation {
    pub(super) mean: Vec<f32>,
    /// 1 / standard deviation (of the population); 0 for constant features.
    pub(super) inverse: Vec<f32>,
}

impl Standardisation {
    /// That of the given rows; with `draw_together` the deviations are drawn towards a common one, the more so
    /// the fewer rows there are.
    pub(super) fn of(samples: &Samples, rows: &[usize], draw_together: bool) -> Self {
        let n = rows.len() as f64;
        let mut mean = sum_rows(samples, rows, |_, x| x);
        mean.iter_mut().for_each(|sum| *sum /= n);
        let mut deviation = sum_rows(samples, rows, |column, x| (x - mean[column]).powi(2));
        deviation.iter_mut().for_each(|sum| *sum = (*sum / n).sqrt());
        let largest = deviation.iter().copied().fold(0.0, f64::max);
        let own = if draw_together { 1.0 - USUAL / (n + USUAL) } else { 1.0 };
        let squares: f64 = deviation.iter().map(|deviation| deviation * deviation).sum();
        let common = (1.0 - own) * squares / deviation.len().max(1) as f64;
        let inverse = mean
            .iter()
            .zip(&deviation)
            .map(|(mean, deviation)| match *deviation > CONSTANT * largest.max(mean.abs()) {
                true => {
                    let drawn = (own * deviation * deviation + common).sqrt();
                    Some((1.0 / drawn) as f32).filter(|v| v.is_finite()).unwrap_or(0.0)
                }
                false => 0.0,
            })
            .collect();
        Self { mean: mean.into_iter().map(|mean| mean as f32).collect(), inverse }
    }

    /// The number of features that vary.
    pub(super) fn varying(&self) -> usize {
        self.inverse.iter().filter(|inverse| **inverse > 0.0).count()
    }

    /// The given rows with mean 0 and deviation 1 into z, rows x dim.
    pub(super) fn apply(&self, samples: &Samples, rows: &[usize], z: &mut [f32]) {
        for (z, &row) in z.chunks_exact_mut(samples.dim).zip(rows) {
            let affine = self.mean.iter().zip(&self.inverse);
            for ((z, x), (mean, inverse)) in z.iter_mut().zip(samples.row(row)).zip(affine) {
                *z = (x - mean) * inverse;
            }
        }
    }
}

/// For each feature, the sum over the rows of a function of column and value.
fn sum_rows(samples: &Samples, rows: &[usize], of: impl Fn(usize, f64) -> f64 + Sync) -> Vec<f64> {
    let parts: Vec<Vec<f64>> = rows
        .par_chunks(ROWS_PER_TASK)
        .map(|rows| {
            let mut sums = vec![0.0; samples.dim];
            for &row in rows {
                for (column, (sum, &x)) in sums.iter_mut().zip(samples.row(row)).enumerate() {
                    *sum += of(column, x.into());
                }
            }
            sums
        })
        .collect();
    let mut sums = vec![0.0; samples.dim];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    sums
}
