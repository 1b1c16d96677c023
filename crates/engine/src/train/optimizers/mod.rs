//! Optimizers. Those of first order follow Keras's definitions and defaults to the letter.

mod adam;
mod lbfgs;

pub use adam::Adam;
pub use lbfgs::{Lbfgs, LbfgsConfig, Progress};

/// An optimizer that takes a step for each batch.
pub trait Optimizer {
    /// Moves each variable against its gradient. A call must pass the same variables as those
    /// before, in the same order.
    fn step(&mut self, variables: &mut [(&mut [f32], &[f32])]);
}
