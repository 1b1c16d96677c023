use serde::{Deserialize, Serialize};

use super::step::Piece;

/// Adam as Keras defines it: the bias correction is part of the rate, and epsilon is added outside the root. With
/// weight decay it is Keras's `AdamW`.
///
/// At step t, counted from 1: a = rate sqrt(1 - beta_2^t) / (1 - beta_1^t); m += (d - m)(1 - beta_1); v += (d² - v)(1 -
/// beta_2); x -= a m / (sqrt(v) + epsilon).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Adam {
    /// The decay rate of the mean of the gradients, in `0.0..1.0`: 0.9.
    pub beta_1: f64,
    /// The decay rate of the mean of their squares, in `0.0..1.0`: 0.999.
    pub beta_2: f64,
    /// Keeps the division finite: 1e-7.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Adam {
    pub(super) fn slots(&self) -> [Option<&'static str>; 3] {
        [Some("momentum"), Some("velocity"), None]
    }

    pub(super) fn update(&self, step: usize, learning_rate: f64, piece: Piece) {
        // Powers vanish long before the step exceeds an i32.
        let t = i32::try_from(step).unwrap_or(i32::MAX);
        let correction = (1.0 - self.beta_2.powi(t)).sqrt() / (1.0 - self.beta_1.powi(t));
        let rate = (learning_rate * correction) as f32;
        let (keep_1, keep_2) = ((1.0 - self.beta_1) as f32, (1.0 - self.beta_2) as f32);
        let epsilon = self.epsilon as f32;
        let [m, v, _] = piece.slots;
        for (((x, d), m), v) in piece.values.iter_mut().zip(piece.gradient).zip(m).zip(v) {
            *m += (d - *m) * keep_1;
            *v += (d * d - *v) * keep_2;
            *x -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}
