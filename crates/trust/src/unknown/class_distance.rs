//! Distance of a picture from the classes.

use headstart_engine::matmul::matmul_nt;

use super::principal::principal;
use super::vectors::{as_f16, dot, short_rows, unit};
use super::{Seen, Take};

/// The Mahalanobis distance from the nearest class, of unit-length features. All classes share one covariance, which is
/// known in the directions of largest variation and isotropic in all others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClassDistance {
    dim: usize,
    /// classes x dim.
    means: Vec<f32>,
    /// directions x dim, orthonormal.
    directions: Vec<f32>,
    /// In each direction, and last in all others.
    variances: Vec<f32>,
    /// classes x directions: the component of each mean in each direction.
    projected: Vec<f32>,
}

/// Number of distinct directions; twice as many made no difference in measurements.
pub(super) const DIRECTIONS: usize = 64;
/// Fraction of the mean variance that is added to every variance, since few pictures determine it poorly.
const SHRINKAGE: f64 = 0.3;

const MEANS: &str = "class_means";
const DIRECTION_ROWS: &str = "directions";
const VARIANCES: &str = "variances";

impl ClassDistance {
    pub(super) fn new(seen: &Seen<'_>) -> Self {
        let dim = seen.dim;
        // A picture of several classes counts for each of them, and those of no class form an additional one.
        let classes = seen.present().last().map_or(0, |last| last + 1) + 1;
        let none = [classes - 1];
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for row in 0..seen.labels.len() {
            let own = Some(seen.classes_of(row)).filter(|own| !own.is_empty());
            for &class in own.unwrap_or(&none) {
                rows.extend(unit(seen.row(row)));
                labels.push(class);
            }
        }
        let n = labels.len();
        let (mut sums, mut counts) = (vec![0.0_f64; classes * dim], vec![0_usize; classes]);
        for (row, &label) in rows.chunks_exact(dim).zip(&labels) {
            counts[label] += 1;
            let sum = &mut sums[label * dim..][..dim];
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let of_class = sums.chunks_exact(dim).zip(&counts);
        let mut means: Vec<f32> = of_class
            .filter(|(_, count)| **count > 0)
            .flat_map(|(sum, &count)| sum.iter().map(move |x| (x / count as f64) as f32))
            .collect();
        // The index of each class among those that have pictures.
        let number: Vec<usize> = (0..classes)
            .map(|class| counts[..class].iter().filter(|count| **count > 0).count())
            .collect();
        for (row, &label) in rows.chunks_exact_mut(dim).zip(&labels) {
            let mean = &means[number[label] * dim..][..dim];
            row.iter_mut().zip(mean).for_each(|(x, mean)| *x -= mean);
        }
        let (mut directions, own) = principal(&rows, n, dim, DIRECTIONS.min(n).min(dim));
        let all = rows.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n as f64;
        let shrinkage = SHRINKAGE * all / dim as f64;
        let rest = (all - own.iter().sum::<f64>()).max(0.0) / (dim - own.len()).max(1) as f64;
        let variance = |own: f64| (own + shrinkage).max(f64::from(f32::MIN_POSITIVE)) as f32;
        let variances = own.iter().copied().chain([rest]).map(variance).collect();
        as_f16(&mut means);
        as_f16(&mut directions);
        Self::of(dim, means, directions, variances)
    }

    fn of(dim: usize, means: Vec<f32>, directions: Vec<f32>, variances: Vec<f32>) -> Self {
        let (classes, count) = (means.len() / dim, directions.len() / dim);
        let mut projected = vec![0.0; classes * count];
        matmul_nt(&means, &directions, 0.0, &mut projected, [classes, dim, count]);
        Self { dim, means, directions, variances, projected }
    }

    pub(super) fn distance(&self, features: &[f32]) -> f32 {
        let features = unit(features);
        let own: Vec<f32> =
            self.directions.chunks_exact(self.dim).map(|row| dot(&features, row)).collect();
        let (&rest, variances) = self.variances.split_last().expect("that of all others");
        let length = dot(&features, &features);
        let means = self.means.chunks_exact(self.dim);
        let projected = self.projected.chunks_exact(own.len().max(1));
        let distances = means.zip(projected).map(|(mean, projected)| {
            let all = length - 2.0 * dot(&features, mean) + dot(mean, mean);
            let (mut within, mut known) = (0.0, 0.0);
            for ((own, projected), variance) in own.iter().zip(projected).zip(variances) {
                let square = (own - projected).powi(2);
                within += square / variance;
                known += square;
            }
            within + (all - known).max(0.0) / rest
        });
        distances.fold(f32::INFINITY, f32::min).sqrt()
    }

    pub(super) fn tensors(&self) -> [(&'static str, Vec<usize>, &[f32], bool); 3] {
        let rows = |values: &[f32]| vec![values.len() / self.dim, self.dim];
        [
            (MEANS, rows(&self.means), &self.means, true),
            (DIRECTION_ROWS, rows(&self.directions), &self.directions, true),
            (VARIANCES, vec![self.variances.len()], &self.variances, false),
        ]
    }

    pub(super) fn from_tensors(
        dim: usize,
        classes: usize,
        take: &mut Take<'_>,
    ) -> Result<Self, String> {
        let mut rows = |name| short_rows(name, take(name, Some(dim))?);
        let (means, directions) = (rows(MEANS)?, rows(DIRECTION_ROWS)?);
        let variances = take(VARIANCES, None)?;
        let fits = variances.len() == directions.len() / dim + 1 && means.len() <= classes * dim;
        if !fits || !variances.iter().all(|variance| *variance > 0.0) {
            return Err(format!("its {VARIANCES} do not fit its {DIRECTION_ROWS}"));
        }
        Ok(Self::of(dim, means, directions, variances))
    }
}
