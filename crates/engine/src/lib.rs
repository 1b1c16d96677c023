//! Inference: the base as a compiled plan, and the head on its features.
#![forbid(unsafe_code)]

pub mod arena;
pub mod frozen;
pub mod head;
pub mod matmul;
mod rows;

pub use headstart_kernels::{Isa, prepare_heap};
