//! Training a network: layers, gradients, batch statistics and steps against Keras.
//!
//! Fixtures: `tools/reference/keras_training.py`.

mod keras;
mod support;
