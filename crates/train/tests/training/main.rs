//! Training a network: layers, gradients, batch statistics and steps against Keras.
//!
//! Fixtures: `tools/reference/keras_training.py`.

mod contract;
mod keras;
mod networks;
mod oracle;
mod support;
mod whole;
