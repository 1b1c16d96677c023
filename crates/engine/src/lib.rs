//! What a network *does*: the frozen part runs as a compiled plan, the rest trains.
#![forbid(unsafe_code)]

pub mod frozen;
mod memory;
pub mod train;

pub use headstart_kernels::Isa;
