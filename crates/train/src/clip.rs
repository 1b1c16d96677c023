//! Gradient clipping, by Keras's definitions.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{TrainError, error::readable};

/// Values whose squares one task sums. It determines how the sum is split, so it must not depend on the number of
/// threads.
const PIECE: usize = 1 << 14;

/// How gradients are clipped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// Limits the magnitude of each element (`clipvalue`).
    Value(f64),
    /// Scales the gradient of each variable down to this norm if it is larger (`clipnorm`).
    Norm(f64),
    /// Scales the gradients of all variables down together if their joint norm is larger (`global_clipnorm`).
    GlobalNorm(f64),
}

impl Clip {
    /// Checks the limit.
    ///
    /// # Errors
    /// [`TrainError::Option`] if it is not a number above 0.
    pub fn check(self) -> Result<(), TrainError> {
        let (option, limit) = match self {
            Self::Value(limit) => ("clipvalue", limit),
            Self::Norm(limit) => ("clipnorm", limit),
            Self::GlobalNorm(limit) => ("global_clipnorm", limit),
        };
        match limit.is_finite() && limit > 0.0 {
            true => Ok(()),
            false => Err(TrainError::Option {
                option,
                value: readable(limit),
                expected: "it must be a number above 0",
            }),
        }
    }

    /// Clips the gradients of all variables in place. Gradients within the limit stay bitwise the same. A NaN stays
    /// NaN, and under [`GlobalNorm`](Self::GlobalNorm) a single NaN or infinite value makes all NaN, so that the next
    /// loss reveals it.
    pub fn apply(self, gradients: &mut [&mut [f32]]) {
        match self {
            Self::Value(limit) => {
                let limit = limit as f32;
                for gradient in gradients {
                    gradient.iter_mut().for_each(|d| *d = d.clamp(-limit, limit));
                }
            }
            Self::Norm(limit) => {
                for gradient in gradients {
                    let norm = sum_of_squares(gradient).sqrt();
                    if norm > limit {
                        scale(gradient, limit / norm);
                    }
                }
            }
            Self::GlobalNorm(limit) => {
                let norm = global_norm(gradients);
                if !norm.is_finite() {
                    gradients.iter_mut().for_each(|gradient| gradient.fill(f32::NAN));
                } else if norm > limit {
                    gradients.iter_mut().for_each(|gradient| scale(gradient, limit / norm));
                }
            }
        }
    }
}

/// The Euclidean norm of the gradients of all variables together, summed in f64 in a fixed order.
pub fn global_norm(gradients: &[impl AsRef<[f32]>]) -> f64 {
    gradients.iter().map(|gradient| sum_of_squares(gradient.as_ref())).sum::<f64>().sqrt()
}

fn sum_of_squares(values: &[f32]) -> f64 {
    if values.len() <= PIECE {
        return sum_piece(values);
    }
    let sums: Vec<f64> = values.par_chunks(PIECE).map(sum_piece).collect();
    sums.iter().sum()
}

/// Eight parallel sums, which vectorise and keep a fixed order.
fn sum_piece(values: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    let eights = values.chunks_exact(8);
    let square = |&v: &f32| f64::from(v) * f64::from(v);
    let rest: f64 = eights.remainder().iter().map(square).sum();
    for eight in eights {
        for (sum, v) in sums.iter_mut().zip(eight) {
            *sum += square(v);
        }
    }
    sums.iter().sum::<f64>() + rest
}

fn scale(values: &mut [f32], by: f64) {
    let by = by as f32;
    values.par_chunks_mut(PIECE).for_each(|piece| piece.iter_mut().for_each(|v| *v *= by));
}
