//! What a plan computes with.

use headstart_kernels::bf16::Bf16;
use headstart_kernels::{Isa, peak};

/// The instruction sets and the precision of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Compute {
    /// For everything in f32.
    pub isa: Isa,
    /// What to multiply 1x1 convolutions with in bf16; they are computed in f32 when `None`. All
    /// else stays f32, also the sums.
    pub bf16: Option<Bf16>,
}

impl PartialEq for Compute {
    /// Whether the same instructions compute.
    fn eq(&self, other: &Self) -> bool {
        let names = |compute: &Self| (compute.isa.name(), compute.bf16.map(Bf16::name));
        names(self) == names(other)
    }
}

impl Eq for Compute {}

impl Default for Compute {
    /// f32 with the fastest instruction set that the processor has.
    fn default() -> Self {
        Self::from(Isa::best())
    }
}

impl From<Isa> for Compute {
    fn from(isa: Isa) -> Self {
        Self { isa, bf16: None }
    }
}

impl Compute {
    /// `f32` or `bf16`.
    pub fn precision(&self) -> &'static str {
        if self.bf16.is_some() { "bf16" } else { "f32" }
    }

    /// The instruction set that does most of the work, such as `avx512` or `amx`.
    pub fn name(&self) -> &'static str {
        self.bf16.map_or(self.isa.name(), Bf16::name)
    }

    /// Computes in registers for a millisecond or two, with nothing to wait for, and returns how many
    /// floating-point operations that were. Portable code has the processor's best for its limit:
    /// its own loop would say nothing.
    pub fn peak(&self) -> usize {
        match self.bf16 {
            Some(bf16) => bf16.peak(60_000),
            None if self.isa.name() == Isa::portable().name() => {
                peak::multiply_adds(Isa::best(), 1_000_000)
            }
            None => peak::multiply_adds(self.isa, 1_000_000),
        }
    }
}
