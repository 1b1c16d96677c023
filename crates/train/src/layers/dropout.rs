use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Sets a fraction of the values to 0 and scales the others up, so that the expectation is preserved (Keras's
/// `Dropout`, in training mode).
#[derive(Debug, Clone, Copy)]
pub struct Dropout {
    /// The fraction that is set to 0, in `0.0..1.0`.
    pub rate: f32,
}

impl Dropout {
    /// Computes y from x, both of any shape, and the mask, by which values are multiplied: 0 or 1/(1 - rate).
    pub fn forward(&self, random: &mut ChaCha8Rng, x: &[f32], mask: &mut [f32], y: &mut [f32]) {
        let scale = 1.0 / (1.0 - self.rate);
        let threshold = (f64::from(self.rate) * 4_294_967_296.0) as u32;
        for ((x, mask), y) in x.iter().zip(mask).zip(y) {
            *mask = if random.next_u32() < threshold { 0.0 } else { scale };
            *y = x * *mask;
        }
    }

    /// Computes the gradient of x from the gradient of y and the mask of `forward`.
    pub fn backward(mask: &[f32], d_y: &[f32], d_x: &mut [f32]) {
        for ((mask, d_y), d_x) in mask.iter().zip(d_y).zip(d_x) {
            *d_x = d_y * mask;
        }
    }
}
