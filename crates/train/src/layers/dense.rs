//! The backward pass of a dense layer; the forward pass is [`Dense::forward`].

use headstart_engine::head::Dense;
use headstart_engine::matmul::{matmul_nt, matmul_tn};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Computes the gradients of the kernel (dim x units), of the bias (units) and, if requested, of x (n x dim), from x
/// and the gradient of y (n x units). Previous content is overwritten.
pub fn backward(
    dense: Dense<'_>,
    x: &[f32],
    d_y: &[f32],
    (d_kernel, d_bias): (&mut [f32], &mut [f32]),
    d_x: Option<&mut [f32]>,
) {
    let units = dense.bias.len();
    let (n, dim) = (d_y.len() / units, dense.kernel.len() / units);
    matmul_tn(x, d_y, 0.0, d_kernel, [dim, n, units]);
    d_bias.fill(0.0);
    for row in d_y.chunks_exact(units) {
        for (sum, d) in d_bias.iter_mut().zip(row) {
            *sum += d;
        }
    }
    if let Some(d_x) = d_x {
        matmul_nt(d_y, dense.kernel, 0.0, d_x, [n, units, dim]);
    }
}

/// Draws an initial kernel, dim x units, uniformly from ±sqrt(6 / (dim + units)) (Keras's default, Glorot uniform).
pub fn glorot_uniform(dim: usize, units: usize, seed: u64) -> Vec<f32> {
    let limit = (6.0 / (dim + units) as f64).sqrt() as f32;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..dim * units).map(|_| limit * (2.0 * random.random::<f32>() - 1.0)).collect()
}
