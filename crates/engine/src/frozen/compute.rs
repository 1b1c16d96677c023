//! Instruction sets and precision of a plan.

use headstart_kernels::bf16::Bf16;
use headstart_kernels::{Isa, peak};

/// The instruction sets and the precision of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Compute {
    /// The instruction set for everything in f32.
    pub isa: Isa,
    /// The bf16 instructions for 1x1 convolutions, which are computed in f32 when `None`. Everything else, including
    /// the sums, stays f32.
    pub bf16: Option<Bf16>,
}

impl PartialEq for Compute {
    /// Whether both use the same instructions.
    fn eq(&self, other: &Self) -> bool {
        let names = |compute: &Self| (compute.isa.name(), compute.bf16.map(Bf16::name));
        names(self) == names(other)
    }
}

impl Eq for Compute {}

impl Default for Compute {
    /// f32 with the fastest instruction set of the processor.
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

    /// Computes in registers for a millisecond or two, without memory accesses, and returns the number of
    /// floating-point operations. Portable code is measured with the processor's best instruction set, since its own
    /// loop would not show the limit.
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
