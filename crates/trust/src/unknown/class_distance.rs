//! How far a picture is from the classes.

use headstart_engine::matmul::{matmul, matmul_nt, matmul_tn};

use super::{Seen, Take, as_f16, dot, short_rows, unit};

/// The Mahalanobis distance from the nearest class, of features of length 1. All classes have one
/// covariance, which is known in the directions that pictures vary most in; in all others they vary
/// alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ClassDistance {
    dim: usize,
    /// classes x dim.
    means: Vec<f32>,
    /// directions x dim, orthonormal.
    directions: Vec<f32>,
    /// In each direction, and last in all others.
    variances: Vec<f32>,
    /// classes x directions: how far each mean is in each.
    projected: Vec<f32>,
}

/// Directions that are told apart; twice as many made no difference in measurements.
pub const DIRECTIONS: usize = 64;
/// Every variance is larger by this share of the mean one, as few pictures know little of it.
const SHRINKAGE: f64 = 0.3;
/// Steps of the subspace iteration: the directions that matter are there after fewer.
const STEPS: usize = 4;

const MEANS: &str = "class_means";
const DIRECTION_ROWS: &str = "directions";
const VARIANCES: &str = "variances";

impl ClassDistance {
    pub(super) fn new(seen: &Seen<'_>) -> Self {
        let (n, dim) = (seen.labels.len(), seen.dim);
        let classes = seen.labels.iter().max().map_or(0, |last| last + 1);
        let mut rows: Vec<f32> = (0..n).flat_map(|row| unit(seen.row(row))).collect();
        let (mut sums, mut counts) = (vec![0.0_f64; classes * dim], vec![0_usize; classes]);
        for (row, &label) in rows.chunks_exact(dim).zip(seen.labels) {
            counts[label] += 1;
            let sum = &mut sums[label * dim..][..dim];
            sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let of_class = sums.chunks_exact(dim).zip(&counts);
        let mut means: Vec<f32> = of_class
            .filter(|(_, count)| **count > 0)
            .flat_map(|(sum, &count)| sum.iter().map(move |x| (x / count as f64) as f32))
            .collect();
        // The number of each class among those that have pictures.
        let number: Vec<usize> = (0..classes)
            .map(|class| counts[..class].iter().filter(|count| **count > 0).count())
            .collect();
        for (row, &label) in rows.chunks_exact_mut(dim).zip(seen.labels) {
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

/// The orthonormal directions that rows, n x dim, vary most in around 0, and the variance in each, the
/// largest first: subspace iteration, and the eigenvectors of what it leaves.
fn principal(rows: &[f32], n: usize, dim: usize, count: usize) -> (Vec<f32>, Vec<f64>) {
    let mut state = 0_u64;
    let mut drawn = || {
        // SplitMix64 (Steele et al. 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut basis: Vec<f32> = (0..count * dim).map(|_| drawn()).collect();
    let mut projected = vec![0.0; n * count];
    for _ in 0..STEPS {
        orthonormalise(&mut basis, dim);
        matmul_nt(rows, &basis, 0.0, &mut projected, [n, dim, count]);
        matmul_tn(&projected, rows, 0.0, &mut basis, [count, n, dim]);
    }
    orthonormalise(&mut basis, dim);
    matmul_nt(rows, &basis, 0.0, &mut projected, [n, dim, count]);
    let mut inner = vec![0.0; count * count];
    matmul_tn(&projected, &projected, 0.0, &mut inner, [count, n, count]);
    let inner: Vec<f64> = inner.iter().map(|&x| f64::from(x) / n as f64).collect();
    let (vectors, values) = eigenvectors(inner, count);
    let vectors: Vec<f32> = vectors.iter().map(|&x| x as f32).collect();
    let mut directions = vec![0.0; count * dim];
    matmul(&vectors, &basis, 0.0, &mut directions, [count, count, dim]);
    (directions, values.iter().map(|value| value.max(0.0)).collect())
}

/// Makes rows orthonormal, by Gram-Schmidt twice; those that depend on others become 0.
fn orthonormalise(rows: &mut [f32], dim: usize) {
    for at in 0..rows.len() / dim {
        let (before, rest) = rows.split_at_mut(at * dim);
        let row = &mut rest[..dim];
        let full = dot(row, row).sqrt();
        for _ in 0..2 {
            for other in before.chunks_exact(dim) {
                let along = dot(row, other);
                row.iter_mut().zip(other).for_each(|(x, other)| *x -= along * other);
            }
        }
        let left = dot(row, row).sqrt();
        let scale = if left > 1e-5 * full { 1.0 / left } else { 0.0 };
        row.iter_mut().for_each(|x| *x *= scale);
    }
}

/// The eigenvectors of a symmetric matrix as rows, and their eigenvalues, the largest first: Jacobi's
/// method.
fn eigenvectors(mut a: Vec<f64>, n: usize) -> (Vec<f64>, Vec<f64>) {
    const SWEEPS: usize = 30;
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let scale: f64 = a.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let pairs = || (0..n).flat_map(move |p| (p + 1..n).map(move |q| (p, q)));
        let off: f64 = pairs().map(|(p, q)| a[p * n + q].powi(2)).sum();
        if off <= 1e-24 * scale {
            break;
        }
        for (p, q) in pairs() {
            if a[p * n + q] == 0.0 {
                continue;
            }
            let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * a[p * n + q]);
            let t = theta.signum() / (theta.abs() + theta.hypot(1.0));
            let cos = 1.0 / t.hypot(1.0);
            let sin = t * cos;
            let rotate = |values: &mut [f64], i: usize, j: usize| {
                let (x, y) = (values[i], values[j]);
                (values[i], values[j]) = (cos * x - sin * y, sin * x + cos * y);
            };
            for k in 0..n {
                rotate(&mut a, k * n + p, k * n + q);
            }
            for k in 0..n {
                rotate(&mut a, p * n + k, q * n + k);
                rotate(&mut vectors, p * n + k, q * n + k);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[j * n + j].total_cmp(&a[i * n + i]));
    let rows = order.iter().flat_map(|&i| vectors[i * n..][..n].iter().copied()).collect();
    (rows, order.iter().map(|&i| a[i * n + i]).collect())
}
