//! The head: against scikit-learn and Keras, against finite differences, and on data that is hard.
//!
//! The fixtures are made by `tools/reference/head.py` and `tools/reference/optimizers.py`.

mod adam;
mod average;
mod clip;
mod fixtures;
mod gradients;
mod logistic;
mod losses;
mod metrics;
mod optimizers;
mod schedules;
mod steps;
mod views;
