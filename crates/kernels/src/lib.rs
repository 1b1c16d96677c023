//! Arithmetic on slices: the operations of a frozen network and their gradients.
//!
//! Maps are `[height, width, channels]`, channels in vector lanes. Each operation is written once over pulp's `Simd`
//! trait and runs on the instruction set of an [`Isa`]. This is the only crate with `unsafe`.

mod activation;
mod aligned;
mod chunks;
pub mod conv;
pub mod depthwise;
pub mod elementwise;
mod extent;
mod huge_pages;
mod isa;
mod normalize;
pub mod peak;
pub mod pool;
mod prefetch;
pub mod reduced;
mod simd;
pub mod winograd;

pub use activation::{Activation, Function};
pub use aligned::AlignedBuffer;
pub use huge_pages::prepare_heap;
pub use isa::{Isa, KNOWN, MAX_ISA, UnknownIsa};
pub use normalize::{LayerNormGradient, layer_norm};
pub use prefetch::fetch;

/// The range that an operation's results are clamped to: `0..=6` for ReLU6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clamp {
    /// Smallest value.
    pub min: f32,
    /// Largest value.
    pub max: f32,
}

impl Clamp {
    /// No clamping.
    pub const NONE: Self = Self { min: f32::NEG_INFINITY, max: f32::INFINITY };
}
