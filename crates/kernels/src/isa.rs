//! The instruction sets that the kernels run on.

use std::fmt;

use pulp::{Simd, WithSimd};

/// An instruction set that this processor has been seen to have.
///
/// A value can only be had from a successful check, so kernels that hold one need no other.
#[derive(Clone, Copy)]
pub struct Isa(Level);

#[derive(Clone, Copy)]
enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
}

impl Isa {
    /// The instruction set that every processor of the target has.
    pub fn portable() -> Self {
        Self(Level::Portable)
    }

    /// All that this processor has, the fastest first.
    pub fn available() -> Vec<Self> {
        let levels = [
            #[cfg(target_arch = "x86_64")]
            pulp::x86::V4::try_new().map(Level::Avx512),
            #[cfg(target_arch = "x86_64")]
            pulp::x86::V3::try_new().map(Level::Avx2),
            #[cfg(target_arch = "aarch64")]
            pulp::aarch64::Neon::try_new().map(Level::Neon),
            Some(Level::Portable),
        ];
        levels.into_iter().flatten().map(Self).collect()
    }

    /// The fastest that this processor has.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// The one called `name`, if this processor has it.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|isa| isa.name() == name)
    }

    /// `avx512`, `avx2`, `neon` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => "neon",
        }
    }

    /// f32 values of a vector.
    #[inline]
    pub fn lanes(self) -> usize {
        match self.0 {
            Level::Portable => pulp::Scalar256b::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(_) => pulp::x86::V3::F32_LANES,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(_) => pulp::x86::V4::F32_LANES,
            #[cfg(target_arch = "aarch64")]
            Level::Neon(_) => pulp::aarch64::Neon::F32_LANES,
        }
    }

    /// Runs `op` with this instruction set enabled.
    #[inline]
    pub(crate) fn run<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self.0 {
            Level::Portable => pulp::Scalar256b.vectorize(op),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "aarch64")]
            Level::Neon(simd) => simd.vectorize(op),
        }
    }
}

impl fmt::Debug for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
