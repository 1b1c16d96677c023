//! No instructions for bf16 are known on this kind of processor.

use super::{Block, Round};
use crate::Isa;

/// Instructions for bf16 that this processor has been seen to have: it has none.
#[derive(Clone, Copy, Debug)]
pub enum Bf16 {}

impl Bf16 {
    /// All that this processor has, the fastest first.
    pub fn available() -> Vec<Self> {
        Vec::new()
    }

    /// The fastest that this processor has, if it has any.
    pub fn best() -> Option<Self> {
        None
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {}
    }

    /// The instruction set for all that is not bf16.
    pub fn simd(self) -> Isa {
        match self {}
    }

    /// Runs `rounds` rounds of products in registers, and returns how many floating-point
    /// operations that were.
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

/// A thread that is ready to multiply.
pub(super) enum Session {}

impl Session {
    pub(super) fn sum(&self, _x: &[u16], _pixel: usize, _count: usize, _w: &[f32], _b: &mut Block) {
        match *self {}
    }

    pub(super) fn finish(&self, _finish: super::Finish<'_, '_>) {
        match *self {}
    }
}
