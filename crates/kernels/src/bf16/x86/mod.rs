//! The bf16 instruction sets of x86-64.

mod amx;
mod avx512;
mod finish;

use std::fmt;

use amx::Amx;
use avx512::Avx512Bf16;

use super::{Block, Finish, INPUTS, OUTPUTS, PIXELS, Round};
use crate::Isa;
use crate::isa::may_use;

/// bf16 instructions detected on this processor; only a successful check returns a value.
#[derive(Clone, Copy)]
pub struct Bf16 {
    /// For everything in f32.
    simd: Isa,
    /// For everything except the products; all processors with AMX have it.
    avx512: Avx512Bf16,
    /// For the products, if the processor has it.
    amx: Option<Amx>,
}

impl Bf16 {
    /// All sets that this processor supports, up to [`Isa::maximum`], fastest first.
    pub fn available() -> Vec<Self> {
        let (Some(simd), Some(avx512)) = (Isa::by_name("avx512"), Avx512Bf16::try_new()) else {
            return Vec::new();
        };
        let products = [Amx::try_new().map(Some), Some(None)];
        let all = products.into_iter().flatten().map(|amx| Self { simd, avx512, amx });
        all.filter(|bf16| may_use(bf16.name())).collect()
    }

    /// The fastest of [`Bf16::available`], if any.
    pub fn best() -> Option<Self> {
        Self::available().into_iter().next()
    }

    /// `amx` or `avx512_bf16`.
    pub fn name(self) -> &'static str {
        if self.amx.is_some() { "amx" } else { "avx512_bf16" }
    }

    /// The instruction set for everything that is not bf16.
    pub fn simd(self) -> Isa {
        self.simd
    }

    /// Runs `rounds` rounds of products in registers, and returns the number of floating-point operations. Divided by
    /// the elapsed time, this is the upper limit of any kernel.
    pub fn peak(self, rounds: usize) -> usize {
        match self.amx {
            Some(amx) => amx.begin().peak(rounds),
            None => self.avx512.peak(rounds),
        }
    }

    pub(super) fn round(self, round: Round<'_>) {
        self.avx512.round(round);
    }

    /// Sets this thread up for multiplication.
    pub(super) fn begin(self) -> Session {
        Session { avx512: self.avx512, amx: self.amx.map(Amx::begin) }
    }
}

impl fmt::Debug for Bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A thread that is set up for multiplication.
pub(super) struct Session {
    avx512: Avx512Bf16,
    amx: Option<amx::Session>,
}

impl Session {
    /// Sums the products of [`PIXELS`] pixels of `pixel` values each with the weights of a panel. Only the first
    /// `count` pixels need to be correct.
    #[inline]
    pub(super) fn sum(
        &self,
        x: &[u16],
        pixel: usize,
        count: usize,
        weights: &[f32],
        block: &mut Block,
    ) {
        assert!(pixel.is_multiple_of(INPUTS) && pixel > 0 && count <= PIXELS);
        assert_eq!(x.len(), PIXELS * pixel, "x's length");
        assert_eq!(weights.len(), pixel / 2 * OUTPUTS, "weights' length");
        match &self.amx {
            Some(amx) => amx.sum(x, pixel, count, weights, block),
            None => self.avx512.sum(x, pixel, count, weights, block),
        }
    }

    /// Finishes a block.
    #[inline]
    pub(super) fn finish(&self, finish: Finish<'_, '_>) {
        self.avx512.finish(finish);
    }
}
