//! The head: against scikit-learn and Keras, against finite differences, and on data that is hard.
//!
//! The fixtures are made by `tools/reference/head.py`.

mod adam;
mod fixtures;
mod gradients;
mod logistic;
mod metrics;
mod optimizers;
