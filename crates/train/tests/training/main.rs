//! Compares network training with Keras and PyTorch: layers, gradients, batch statistics and steps.
//!
//! Fixtures: `tools/reference/keras_training.py`, `torch_bases.py`.

mod bases;
mod contract;
mod keras;
mod networks;
mod oracle;
#[path = "../../../engine/tests/seeded/mod.rs"]
mod seeded;
mod support;
mod whole;
