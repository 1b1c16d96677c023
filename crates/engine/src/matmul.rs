//! Matrix products on row-major slices, each on the calling thread.

use ndarray::{ArrayView2, ArrayViewMut2, linalg::general_mat_mul};

fn view(values: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), values).expect("a matrix as large as its shape")
}

fn view_mut(values: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), values).expect("a matrix as large as its shape")
}

/// c = a b + beta c: a is m x k, b is k x n, c is m x n. A beta of 0 does not read c.
pub fn matmul(a: &[f32], b: &[f32], beta: f32, c: &mut [f32], [m, k, n]: [usize; 3]) {
    general_mat_mul(1.0, &view(a, m, k), &view(b, k, n), beta, &mut view_mut(c, m, n));
}

/// c = aᵀ b + beta c: a is k x m, b is k x n, c is m x n. A beta of 0 does not read c.
pub fn matmul_tn(a: &[f32], b: &[f32], beta: f32, c: &mut [f32], [m, k, n]: [usize; 3]) {
    general_mat_mul(1.0, &view(a, k, m).t(), &view(b, k, n), beta, &mut view_mut(c, m, n));
}

/// c = a bᵀ + beta c: a is m x k, b is n x k, c is m x n. A beta of 0 does not read c.
pub fn matmul_nt(a: &[f32], b: &[f32], beta: f32, c: &mut [f32], [m, k, n]: [usize; 3]) {
    general_mat_mul(1.0, &view(a, m, k), &view(b, n, k).t(), beta, &mut view_mut(c, m, n));
}
