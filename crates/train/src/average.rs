//! Averages of weights over steps, for prediction.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{TrainError, error::readable};

/// Values averaged per task.
const PIECE: usize = 1 << 14;

/// An exponential moving average of each variable (Keras's `use_ema`): the result of the first step, then average =
/// momentum average + (1 - momentum) variable after each step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MovingAverage {
    momentum: f64,
    averages: Vec<Vec<f32>>,
}

impl MovingAverage {
    /// Creates an empty average. Keras's default `ema_momentum` is 0.99.
    ///
    /// # Errors
    /// [`TrainError::Option`] unless the momentum is between 0 and 1.
    pub fn new(momentum: f64) -> Result<Self, TrainError> {
        Self::restore(momentum, Vec::new())
    }

    /// Restores an average from [`averages`](Self::averages).
    ///
    /// # Errors
    /// [`TrainError::Option`] unless the momentum is between 0 and 1.
    pub fn restore(momentum: f64, averages: Vec<Vec<f32>>) -> Result<Self, TrainError> {
        match (0.0..=1.0).contains(&momentum) {
            true => Ok(Self { momentum, averages }),
            false => Err(TrainError::Option {
                option: "the momentum of the average",
                value: readable(momentum),
                expected: "it must be from 0 to 1",
            }),
        }
    }

    /// Updates the averages with the variables after a step.
    ///
    /// # Panics
    /// If the number, order or lengths of the variables differ from earlier steps.
    pub fn update(&mut self, variables: &[&[f32]]) {
        if self.averages.is_empty() {
            self.averages = variables.iter().map(|variable| variable.to_vec()).collect();
            return;
        }
        assert_eq!(self.averages.len(), variables.len(), "the same variables at each step");
        let momentum = self.momentum as f32;
        let rest = 1.0 - momentum;
        for (average, variable) in self.averages.iter_mut().zip(variables) {
            assert_eq!(average.len(), variable.len(), "the same variables at each step");
            let pieces = average.par_chunks_mut(PIECE).zip(variable.par_chunks(PIECE));
            pieces.for_each(|(average, variable)| {
                for (average, variable) in average.iter_mut().zip(variable) {
                    *average = momentum * *average + rest * variable;
                }
            });
        }
    }

    /// The averages, one for each variable; empty before the first step.
    pub fn averages(&self) -> &[Vec<f32>] {
        &self.averages
    }

    /// Swaps variables and averages: once to evaluate or to finish, once more to continue training. Before the first
    /// step it does nothing.
    ///
    /// # Panics
    /// If the number, order or lengths of the variables differ from earlier steps.
    pub fn swap(&mut self, variables: &mut [&mut [f32]]) {
        if self.averages.is_empty() {
            return;
        }
        assert_eq!(self.averages.len(), variables.len(), "the same variables at each step");
        for (average, variable) in self.averages.iter_mut().zip(variables) {
            average.swap_with_slice(variable);
        }
    }
}
