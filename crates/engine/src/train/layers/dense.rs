use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::train::matmul::{matmul, matmul_nt, matmul_tn};

/// A fully connected layer without activation: `y = x kernel + bias` (Keras's `Dense`).
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a> {
    /// dim x units.
    pub kernel: &'a [f32],
    /// units.
    pub bias: &'a [f32],
}

impl Dense<'_> {
    /// y (n x units) from x (n x dim).
    pub fn forward(&self, x: &[f32], y: &mut [f32]) {
        let units = self.bias.len();
        for row in y.chunks_exact_mut(units) {
            row.copy_from_slice(self.bias);
        }
        let dim = self.kernel.len() / units;
        matmul(x, self.kernel, 1.0, y, [y.len() / units, dim, units]);
    }

    /// The gradients of the kernel (dim x units), of the bias (units) and, where asked for, of x
    /// (n x dim), from x and the gradient of y (n x units). What was in them is overwritten.
    pub fn backward(
        &self,
        x: &[f32],
        d_y: &[f32],
        d_kernel: &mut [f32],
        d_bias: &mut [f32],
        d_x: Option<&mut [f32]>,
    ) {
        let units = self.bias.len();
        let (n, dim) = (d_y.len() / units, self.kernel.len() / units);
        matmul_tn(x, d_y, 0.0, d_kernel, [dim, n, units]);
        d_bias.fill(0.0);
        for row in d_y.chunks_exact(units) {
            for (sum, d) in d_bias.iter_mut().zip(row) {
                *sum += d;
            }
        }
        if let Some(d_x) = d_x {
            matmul_nt(d_y, self.kernel, 0.0, d_x, [n, units, dim]);
        }
    }

    /// A kernel to start from, dim x units, drawn evenly from ±sqrt(6 / (dim + units)) (Keras's
    /// default, Glorot uniform).
    pub fn glorot_uniform(dim: usize, units: usize, seed: u64) -> Vec<f32> {
        let limit = (6.0 / (dim + units) as f64).sqrt() as f32;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        (0..dim * units).map(|_| limit * (2.0 * random.random::<f32>() - 1.0)).collect()
    }
}
