//! The instruction sets that multiply bf16.

use std::fmt;

use super::{Block, INPUTS, OUTPUTS, PIXELS, Round};
use crate::Isa;

/// Instructions for bf16 that this processor has been seen to have: a value can only be had from a
/// successful check.
#[derive(Clone, Copy)]
pub struct Bf16 {
    /// For all that is f32.
    simd: Isa,
    /// Also a processor with AMX rounds with AVX-512.
    #[cfg(target_arch = "x86_64")]
    avx512: super::avx512::Avx512Bf16,
    level: Level,
}

#[derive(Clone, Copy)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Amx(super::amx::Amx),
    #[cfg(target_arch = "x86_64")]
    Avx512(super::avx512::Avx512Bf16),
}

impl Bf16 {
    /// All that this processor has, the fastest first.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if let (Some(simd), Some(avx512)) =
            (Isa::by_name("avx512"), super::avx512::Avx512Bf16::try_new())
        {
            let levels = [super::amx::Amx::try_new().map(Level::Amx), Some(Level::Avx512(avx512))];
            let with = |level| Self { simd, avx512, level };
            return levels.into_iter().flatten().map(with).collect();
        }
        Vec::new()
    }

    /// The fastest that this processor has, if it has any.
    pub fn best() -> Option<Self> {
        Self::available().into_iter().next()
    }

    /// `amx` or `avx512_bf16`.
    pub fn name(self) -> &'static str {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            Level::Amx(_) => "amx",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512_bf16",
        }
    }

    /// The instruction set for all that is not bf16.
    pub fn simd(self) -> Isa {
        self.simd
    }

    /// Runs `rounds` rounds of products in registers, and returns how many floating-point operations
    /// that were. Their number by the time they take is what no kernel can surpass.
    pub fn peak(self, rounds: usize) -> usize {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            Level::Amx(amx) => {
                amx.begin().peak(rounds);
                rounds * super::amx::PEAK_OPERATIONS
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(level) => level.peak(rounds),
        }
    }

    pub(super) fn round(self, round: Round<'_>) {
        #[cfg(target_arch = "x86_64")]
        self.avx512.round(round);
        #[cfg(not(target_arch = "x86_64"))]
        unreachable!("{round:?} on {}, which no other processor has", self.name());
    }

    /// Makes this thread ready.
    pub(super) fn begin(self) -> Session {
        #[cfg(target_arch = "x86_64")]
        if let Level::Amx(amx) = self.level {
            return Session::Amx(amx.begin());
        }
        Session::Ready(self.level)
    }
}

/// A thread that is ready to multiply.
pub(super) enum Session {
    #[cfg(target_arch = "x86_64")]
    Amx(super::amx::Session),
    Ready(Level),
}

impl Session {
    /// Sums the products of `PIXELS` pixels of `pixel` values each and the weights of a panel.
    /// Only the first `count` pixels need to be right.
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
        match self {
            #[cfg(target_arch = "x86_64")]
            Session::Amx(session) => session.sum(x, pixel, count, weights, block),
            #[cfg(target_arch = "x86_64")]
            Session::Ready(Level::Avx512(level)) => level.sum(x, pixel, count, weights, block),
            Session::Ready(_) => unreachable!("levels that begin a session are not ready before"),
        }
    }
}

impl fmt::Debug for Bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
