//! Instruction sets and precision of a plan.

use headstart_kernels::reduced::{Precision, Reduced};
use headstart_kernels::{Isa, peak};

/// The instruction sets and the precision of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Compute {
    /// The instruction set for everything in f32.
    pub isa: Isa,
    /// The instructions for 1x1 convolutions in reduced precision; these are computed in f32 when `None`. Everything
    /// else, including sums beyond a few hundred inputs, stays f32.
    pub reduced: Option<Reduced>,
}

impl PartialEq for Compute {
    /// Whether both use the same instructions.
    fn eq(&self, other: &Self) -> bool {
        let names = |compute: &Self| (compute.isa.name(), compute.reduced.map(Reduced::name));
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
        Self { isa, reduced: None }
    }
}

impl From<Reduced> for Compute {
    fn from(reduced: Reduced) -> Self {
        Self { isa: reduced.simd(), reduced: Some(reduced) }
    }
}

impl Compute {
    /// Everything that this processor supports, in f32 first, then in each reduced precision; fastest first.
    pub fn available() -> Vec<Self> {
        let reduced = Precision::ALL.into_iter().flat_map(Reduced::available);
        Isa::available().into_iter().map(Self::from).chain(reduced.map(Self::from)).collect()
    }

    /// The one called `name`, if it is [available](Compute::available).
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|compute| compute.name() == name)
    }

    /// `f32`, `bf16` or `int8`.
    pub fn precision(&self) -> &'static str {
        self.reduced.map_or("f32", |reduced| reduced.precision().name())
    }

    /// The instruction set that does most of the work, such as `avx512` or `avx512_vnni`.
    pub fn name(&self) -> &'static str {
        self.reduced.map_or(self.isa.name(), Reduced::name)
    }

    /// Computes in registers for a millisecond or two, without memory accesses, and returns the number of operations.
    /// Portable code is measured with the processor's best instruction set, since its own loop would not show the
    /// limit.
    pub fn peak(&self) -> usize {
        match self.reduced {
            Some(reduced) => reduced.peak(60_000),
            None if self.isa.name() == Isa::portable().name() => {
                peak::multiply_adds(Isa::best(), 1_000_000)
            }
            None => peak::multiply_adds(self.isa, 1_000_000),
        }
    }
}
