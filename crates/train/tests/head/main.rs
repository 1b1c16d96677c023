//! The head: against scikit-learn and Keras, against finite differences, and on data that is hard.
//!
//! The fixtures are made by `head.py`, `multi_label.py` and `optimizers.py` in `tools/reference`.

mod adam;
mod average;
mod clip;
mod fixtures;
mod gradients;
mod logistic;
mod losses;
mod metrics;
mod multi_label;
mod optimizers;
mod schedules;
mod steps;
mod stored;
mod views;
