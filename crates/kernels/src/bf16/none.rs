//! A placeholder for architectures without supported bf16 instructions.

use super::{Block, Round};
use crate::Isa;

/// bf16 instructions detected on this processor: there are none.
#[derive(Clone, Copy, Debug)]
pub enum Bf16 {}

impl Bf16 {
    /// All sets that this processor supports, fastest first.
    pub fn available() -> Vec<Self> {
        Vec::new()
    }

    /// The fastest set that this processor supports, if any.
    pub fn best() -> Option<Self> {
        None
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {}
    }

    /// The instruction set for everything that is not bf16.
    pub fn simd(self) -> Isa {
        match self {}
    }

    /// Runs `rounds` rounds of products in registers, and returns the number of floating-point operations.
    pub fn peak(self, _rounds: usize) -> usize {
        match self {}
    }

    pub(super) fn round(self, _round: Round<'_>) {
        match self {}
    }

    pub(super) fn begin(self) -> Session {
        match self {}
    }
}

/// A thread that is set up for multiplication.
pub(super) enum Session {}

impl Session {
    pub(super) fn sum(&self, _x: &[u16], _pixel: usize, _count: usize, _w: &[f32], _b: &mut Block) {
        match *self {}
    }

    pub(super) fn finish(&self, _finish: super::Finish<'_, '_>) {
        match *self {}
    }
}
