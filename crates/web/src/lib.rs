//! Models compiled to WebAssembly.
//!
//! As on other processors, freezing is compilation: a network becomes functions for exactly its shapes, with a place
//! for every value, and running it is a list of calls. The result consists of two modules: one has the memory with the
//! weights in it, and the other has the functions and imports the memory. There are two variants of the functions: with
//! fused multiply-add (relaxed SIMD), and without.
#![forbid(unsafe_code)]

mod arena;
mod code;
mod compile;
mod data;
mod elementwise;
mod error;
mod head;
mod heatmap;
mod kernels;
mod math;
mod plan;
mod resize;
#[cfg(test)]
mod testing;
mod unknown;
mod weights;

pub use compile::{Compiled, compile, program};
pub use error::WebError;
pub use weights::Weights;
