//! The instruction sets of x86-64 for reduced precision.

mod amx;
mod avx512_bf16;
mod avx512_vnni;
mod avx_vnni;
mod tiles;

use std::fmt;

use amx::Amx;
use avx_vnni::AvxVnni;
use avx512_bf16::Avx512Bf16;
use avx512_vnni::Avx512Vnni;

use super::{Block, Grid, OUTPUTS, PIXELS, Precision};
use crate::Isa;
use crate::isa::may_use;

/// Instructions in reduced precision detected on this processor; only a successful check returns a value.
#[derive(Clone, Copy)]
pub struct Reduced {
    /// For everything in f32.
    simd: Isa,
    set: Set,
    /// For the products, if the processor has it; everything else uses `set`, which all processors with AMX have.
    amx: Option<Amx>,
}

/// Instruction sets that convert and multiply.
#[derive(Clone, Copy)]
enum Set {
    Avx512Bf16(Avx512Bf16),
    Avx512Vnni(Avx512Vnni),
    AvxVnni(AvxVnni),
}

impl Reduced {
    /// All sets for `precision` that this processor supports, up to [`Isa::maximum`], fastest first.
    pub fn available(precision: Precision) -> Vec<Self> {
        let sets = match precision {
            Precision::Bf16 => [Avx512Bf16::try_new().map(Set::Avx512Bf16), None],
            Precision::Int8 => {
                [Avx512Vnni::try_new().map(Set::Avx512Vnni), AvxVnni::try_new().map(Set::AvxVnni)]
            }
        };
        let amx = Amx::try_new(precision).map(Some);
        let with_amx = sets[0].and_then(|set| Some((set, amx?)));
        let alone = sets.into_iter().flatten().map(|set| (set, None));
        let all = with_amx.into_iter().chain(alone).filter_map(|(set, amx)| {
            let simd = if matches!(set, Set::AvxVnni(_)) { "avx2" } else { "avx512" };
            Some(Self { simd: Isa::by_name(simd)?, set, amx })
        });
        all.filter(|reduced| may_use(reduced.name())).collect()
    }

    /// The fastest of [`Reduced::available`], if any.
    pub fn best(precision: Precision) -> Option<Self> {
        Self::available(precision).into_iter().next()
    }

    /// Its precision.
    pub fn precision(self) -> Precision {
        match self.set {
            Set::Avx512Bf16(_) => Precision::Bf16,
            Set::Avx512Vnni(_) | Set::AvxVnni(_) => Precision::Int8,
        }
    }

    /// `amx` or `avx512_bf16`; `amx_int8`, `avx512_vnni` or `avx_vnni`.
    pub fn name(self) -> &'static str {
        match (self.set, self.amx) {
            (Set::Avx512Bf16(_), Some(_)) => "amx",
            (Set::Avx512Bf16(_), None) => "avx512_bf16",
            (Set::Avx512Vnni(_) | Set::AvxVnni(_), Some(_)) => "amx_int8",
            (Set::Avx512Vnni(_), None) => "avx512_vnni",
            (Set::AvxVnni(_), None) => "avx_vnni",
        }
    }

    /// The instruction set for everything in f32.
    pub fn simd(self) -> Isa {
        self.simd
    }

    /// Runs `rounds` rounds of products in registers, and returns the number of operations. Divided by the elapsed
    /// time, this is the upper limit of any kernel.
    pub fn peak(self, rounds: usize) -> usize {
        match (self.amx, self.set) {
            (Some(amx), _) => amx.begin().peak(rounds),
            (None, Set::Avx512Bf16(set)) => set.peak(rounds),
            (None, Set::Avx512Vnni(set)) => set.peak(rounds),
            (None, Set::AvxVnni(set)) => set.peak(rounds),
        }
    }

    /// Words of inputs that are multiplied at a time: pixels are padded to a multiple.
    pub(super) fn step(self) -> usize {
        if self.amx.is_some() { amx::STEP } else { 1 }
    }

    /// The size of the blocks that `pixels` are divided into.
    pub(super) fn block(self, pixels: usize) -> usize {
        // Tiles of AMX have one size; others need no small block at the end.
        if self.amx.is_some() { PIXELS } else { pixels.div_ceil(pixels.div_ceil(PIXELS)) }
    }

    /// Converts the first `channels` of pixels `x`, `stride` values apart, to words, and writes the grid of each.
    ///
    /// # Panics
    /// When a pixel is too small for its channels, or an output for the pixels.
    pub(super) fn convert(
        self,
        (x, stride, channels): (&[f32], usize, usize),
        (out, words): (&mut [u32], usize),
        grids: &mut [Grid],
    ) {
        let precision = self.precision();
        let pixels = x.len() / stride;
        assert!(channels <= stride && channels <= words * precision.per_word());
        assert!(out.len() >= pixels * words, "out is too short");
        assert!(precision == Precision::Bf16 || grids.len() >= pixels, "grids are too few");
        let (x, out) = (x.chunks_exact(stride), out.chunks_exact_mut(words));
        match self.set {
            Set::Avx512Bf16(set) => set.round(x, channels, out),
            Set::Avx512Vnni(set) => set.quantise(x, channels, out, grids),
            Set::AvxVnni(set) => set.quantise(x, channels, out, grids),
        }
    }

    /// Sets this thread up for multiplication.
    pub(super) fn begin(self) -> Session {
        Session { set: self.set, amx: self.amx.map(Amx::begin) }
    }
}

impl fmt::Debug for Reduced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mask of the first `count` of 16 lanes, or of all.
fn first(count: usize) -> u16 {
    ((1_u32 << count.min(16)) - 1) as u16
}

/// A thread that is set up for multiplication.
pub(super) struct Session {
    set: Set,
    amx: Option<amx::Session>,
}

impl Session {
    /// Sums the products of `size` pixels and outputs: pixels of `words` words each with the weights of a panel. The
    /// sums of further outputs and pixels are arbitrary.
    #[inline]
    pub(super) fn sum(
        &self,
        x: &[u32],
        words: usize,
        size: (usize, usize),
        weights: &[f32],
        block: &mut Block,
    ) {
        assert!(words > 0 && (1..=PIXELS).contains(&size.0) && (1..=OUTPUTS).contains(&size.1));
        assert_eq!(x.len(), PIXELS * words, "x's length");
        assert_eq!(weights.len(), words * OUTPUTS, "weights' length");
        match (&self.amx, self.set) {
            (Some(amx), set) => {
                amx.sum(x, words, size.0, weights, block);
                if let Set::Avx512Vnni(set) = set {
                    set.integers_to_f32(block, size.0);
                }
            }
            (None, Set::Avx512Bf16(set)) => set.sum(x, words, size, weights, block),
            (None, Set::Avx512Vnni(set)) => set.sum(x, words, size, weights, block),
            (None, Set::AvxVnni(set)) => set.sum(x, words, size, weights, block),
        }
    }
}
