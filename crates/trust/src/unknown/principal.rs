//! The principal directions of variation.

use headstart_engine::matmul::{matmul, matmul_nt, matmul_tn};

use super::vectors::dot;

/// Steps of the subspace iteration; the important directions converge in fewer.
const STEPS: usize = 10;
/// Additional directions in the iteration, so that the last of those requested converge, too (Halko et al. 2011).
const BESIDE: usize = 16;

/// The orthonormal directions in which rows, n x dim, vary most around 0, with the variance in each, largest first, and
/// limited to the number of rows or columns: by subspace iteration, and eigenvectors within the resulting subspace.
pub(super) fn principal(rows: &[f32], n: usize, dim: usize, asked: usize) -> (Vec<f32>, Vec<f64>) {
    let count = (asked + BESIDE).min(n).min(dim);
    let mut state = 0_u64;
    let mut drawn = || {
        // SplitMix64 (Steele et al. 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    // The smaller of the two matrices with the same eigenvalues: products of rows, or of columns.
    let (size, by_rows) = (n.min(dim), n < dim);
    let mut products = vec![0.0; size * size];
    match by_rows {
        true => matmul_nt(rows, rows, 0.0, &mut products, [n, dim, n]),
        false => matmul_tn(rows, rows, 0.0, &mut products, [dim, n, dim]),
    }
    let mut basis: Vec<f32> = (0..count * size).map(|_| drawn()).collect();
    let mut image = vec![0.0; count * size];
    for _ in 0..STEPS {
        orthonormalise(&mut basis, size);
        matmul(&basis, &products, 0.0, &mut image, [count, size, size]);
        std::mem::swap(&mut basis, &mut image);
    }
    orthonormalise(&mut basis, size);
    matmul(&basis, &products, 0.0, &mut image, [count, size, size]);
    let mut inner = vec![0.0; count * count];
    matmul_nt(&image, &basis, 0.0, &mut inner, [count, size, count]);
    let inner: Vec<f64> = inner.iter().map(|&x| f64::from(x) / n as f64).collect();
    let (vectors, values) = eigenvectors(inner, count);
    let vectors: Vec<f32> = vectors[..asked * count].iter().map(|&x| x as f32).collect();
    let mut directions = vec![0.0; asked * size];
    matmul(&vectors, &basis, 0.0, &mut directions, [asked, count, size]);
    if by_rows {
        let mut of_columns = vec![0.0; asked * dim];
        matmul(&directions, rows, 0.0, &mut of_columns, [asked, n, dim]);
        directions = of_columns;
        orthonormalise(&mut directions, dim);
    }
    (directions, values[..asked].iter().map(|value| value.max(0.0)).collect())
}

/// Orthonormalises rows, by applying Gram-Schmidt twice; dependent rows become 0.
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

/// The eigenvectors of a symmetric matrix as rows, and their eigenvalues, largest first: Jacobi's method.
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
