use serde::{Deserialize, Serialize};

use super::step::Piece;

/// Steps divided by the root mean square of recent gradients (Keras's `RMSprop`).
///
/// v = rho v + (1 - rho) d²; i = rate d / sqrt(v + epsilon); x -= i. If centered, v is replaced by the variance v - a²,
/// with a = rho a + (1 - rho) d. With momentum, m = momentum m + i; x -= m.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RmsProp {
    /// The decay rate of the means, in `0.0..1.0`: 0.9.
    pub rho: f64,
    /// The fraction of a step that carries over to the next, from 0 to 1: 0.
    pub momentum: f64,
    /// Keeps the division finite: 1e-7.
    pub epsilon: f64,
    /// Whether to use the gradients' variance instead of their mean square: false.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

impl RmsProp {
    pub(super) fn slots(&self) -> [Option<&'static str>; 3] {
        [
            Some("velocity"),
            (self.momentum != 0.0).then_some("momentum"),
            self.centered.then_some("average_gradient"),
        ]
    }

    pub(super) fn update(&self, learning_rate: f64, piece: Piece) {
        let rate = learning_rate as f32;
        let (rho, rest) = (self.rho as f32, (1.0 - self.rho) as f32);
        let epsilon = self.epsilon as f32;
        let [velocity, momenta, averages] = piece.slots;
        for (v, d) in velocity.iter_mut().zip(piece.gradient) {
            *v = rho * *v + rest * (d * d);
        }
        for (a, d) in averages.iter_mut().zip(piece.gradient) {
            *a = rho * *a + rest * d;
        }
        let pairs = piece.gradient.iter().zip(&*velocity);
        if self.centered {
            // Rounding must not make a variance negative: its root would be NaN.
            let variance = |v: f32, a: f32| (v - a * a).max(0.0);
            let increments = pairs.zip(&*averages);
            let increments =
                increments.map(|((d, &v), &a)| rate * d / (variance(v, a) + epsilon).sqrt());
            self.subtract(increments, momenta, piece.values);
        } else {
            let increments = pairs.map(|(d, v)| rate * d / (v + epsilon).sqrt());
            self.subtract(increments, momenta, piece.values);
        }
    }

    fn subtract(
        &self,
        increments: impl Iterator<Item = f32>,
        momenta: &mut [f32],
        values: &mut [f32],
    ) {
        let momentum = self.momentum as f32;
        if self.momentum == 0.0 {
            for (x, increment) in values.iter_mut().zip(increments) {
                *x -= increment;
            }
        } else {
            for ((x, m), increment) in values.iter_mut().zip(momenta).zip(increments) {
                *m = momentum * *m + increment;
                *x -= *m;
            }
        }
    }
}
