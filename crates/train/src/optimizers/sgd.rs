use serde::{Deserialize, Serialize};

use super::step::Piece;

/// Stochastic gradient descent (Keras's `SGD`).
///
/// Without momentum x -= rate d. With it, m = momentum m - rate d, and x += m, or, with Nesterov momentum, x +=
/// momentum m - rate d.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sgd {
    /// The fraction of a step that carries over to the next, from 0 to 1: 0.
    pub momentum: f64,
    /// Whether to use Nesterov momentum: false. Ignored without momentum.
    pub nesterov: bool,
}

impl Sgd {
    pub(super) fn slots(&self) -> [Option<&'static str>; 3] {
        [(self.momentum != 0.0).then_some("momentum"), None, None]
    }

    pub(super) fn update(&self, learning_rate: f64, piece: Piece) {
        let (rate, momentum) = (learning_rate as f32, self.momentum as f32);
        let pairs = piece.values.iter_mut().zip(piece.gradient);
        let [m, ..] = piece.slots;
        if self.momentum == 0.0 {
            for (x, d) in pairs {
                *x -= rate * d;
            }
        } else if self.nesterov {
            for ((x, d), m) in pairs.zip(m) {
                *m = momentum * *m - rate * d;
                *x += momentum * *m - rate * d;
            }
        } else {
            for ((x, d), m) in pairs.zip(m) {
                *m = momentum * *m - rate * d;
                *x += *m;
            }
        }
    }
}
