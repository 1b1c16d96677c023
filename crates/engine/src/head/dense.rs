use crate::matmul::matmul;

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
}
