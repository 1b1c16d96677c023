//! A placeholder for architectures without supported instructions in reduced precision.

use std::convert::Infallible;

use super::{Block, Grid, Precision};
use crate::Isa;

/// Instructions in reduced precision detected on this processor: there are none.
///
/// Not an empty enum, after whose values the compiler would report code as unreachable. The field is private to this
/// module.
#[derive(Clone, Copy, Debug)]
pub struct Reduced(Infallible);

impl Reduced {
    /// All sets that this processor supports, fastest first.
    pub fn available(_precision: Precision) -> Vec<Self> {
        Vec::new()
    }

    /// The fastest set that this processor supports, if any.
    pub fn best(_precision: Precision) -> Option<Self> {
        None
    }

    /// Its precision.
    pub fn precision(self) -> Precision {
        match self.0 {}
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {}
    }

    /// The instruction set for everything in f32.
    pub fn simd(self) -> Isa {
        match self.0 {}
    }

    /// Runs `rounds` rounds of products in registers, and returns the number of operations.
    pub fn peak(self, _rounds: usize) -> usize {
        match self.0 {}
    }

    pub(super) fn step(self) -> usize {
        match self.0 {}
    }

    pub(super) fn block(self, _pixels: usize) -> usize {
        match self.0 {}
    }

    pub(super) fn convert(
        self,
        _x: (&[f32], usize, usize),
        _out: (&mut [u32], usize),
        _grids: &mut [Grid],
    ) {
        match self.0 {}
    }

    pub(super) fn begin(self) -> Session {
        match self.0 {}
    }
}

/// A thread that is set up for multiplication.
pub(super) struct Session(Infallible);

impl Session {
    pub(super) fn sum(
        &self,
        _x: &[u32],
        _words: usize,
        _size: (usize, usize),
        _weights: &[f32],
        _block: &mut Block,
    ) {
        match self.0 {}
    }
}
