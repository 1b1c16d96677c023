//! Optimizers. First-order ones follow Keras's definitions and defaults exactly.

mod adam;
mod config;
mod lbfgs;
mod rmsprop;
mod sgd;
mod step;

pub use adam::Adam;
pub use config::{Algorithm, OptimizerConfig};
pub use lbfgs::{Lbfgs, LbfgsConfig, LbfgsStatus};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use step::{Optimizer, OptimizerState, Variable};
