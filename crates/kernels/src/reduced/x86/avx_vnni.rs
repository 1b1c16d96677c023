//! AVX-VNNI: `vpdpbusd` for processors without AVX-512, which multiplies four inputs of a pixel by the weights of 8
//! outputs.

use std::arch::x86_64::{
    __m256, __m256i, _mm_cvtsi128_si32, _mm_max_epi32, _mm_max_epu32, _mm_shuffle_epi32,
    _mm256_castps_si256, _mm256_castsi256_si128, _mm256_cvtepi32_ps, _mm256_cvtps_epi32,
    _mm256_dpbusd_avx_epi32, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_max_epi32, _mm256_max_epu32, _mm256_packs_epi32,
    _mm256_packus_epi16, _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setr_epi32, _mm256_setzero_si256, _mm256_storeu_ps, _mm256_storeu_si256,
};
use std::slice::{ChunksExact, ChunksExactMut};

use super::tiles::define_sum;
use crate::reduced::{Block, Grid, Precision};

/// Proof that the processor has AVX2 and AVX-VNNI.
#[derive(Clone, Copy)]
pub(super) struct AvxVnni(());

/// f32 values per vector.
const LANES: usize = 8;

/// Bytes per vector.
const BYTES: usize = 32;

impl AvxVnni {
    pub(super) fn try_new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("avxvnni");
        has.then_some(Self(()))
    }

    /// Multiplies in registers without memory accesses; returns the number of operations.
    pub(super) fn peak(self, rounds: usize) -> usize {
        // SAFETY: the check that created `self` found the features that the function needs.
        unsafe { peak(rounds, Precision::Int8.per_word()) }
    }

    /// See [`super::Reduced::convert`], which checks the lengths.
    pub(super) fn quantise(
        self,
        x: ChunksExact<'_, f32>,
        channels: usize,
        out: ChunksExactMut<'_, u32>,
        grids: &mut [Grid],
    ) {
        // SAFETY: as above.
        unsafe { quantise(x, channels, out, grids) }
    }

    /// See [`super::Session::sum`], which checks the lengths.
    pub(super) fn sum(
        self,
        x: &[u32],
        words: usize,
        size: (usize, usize),
        weights: &[f32],
        block: &mut Block,
    ) {
        // SAFETY: as above.
        unsafe { sum(x, words, size, weights, block) }
    }
}

#[target_feature(enable = "avx2,fma")]
fn quantise(
    x: ChunksExact<'_, f32>,
    channels: usize,
    out: ChunksExactMut<'_, u32>,
    grids: &mut [Grid],
) {
    for ((x, out), grid) in x.zip(out).zip(grids) {
        let out: &mut [u8] = bytemuck::cast_slice_mut(out);
        let x = &x[..channels];
        // The last values, with zeros.
        let whole = channels / BYTES * BYTES;
        let mut rest = [0.0; BYTES];
        rest[..channels - whole].copy_from_slice(&x[whole..]);
        let groups = || x.as_chunks::<BYTES>().0.iter().chain([&rest]);
        *grid = range(groups());
        let (inverse, zero) = (_mm256_set1_ps(1.0 / grid.scale), _mm256_set1_ps(grid.zero));
        for (group, out) in groups().zip(out.chunks_mut(BYTES)) {
            let bytes = integers(group, inverse, zero);
            match out.as_chunks_mut::<BYTES>().0.first_mut() {
                // SAFETY: `out` is a vector.
                Some(out) => unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes) },
                None => {
                    let mut last = [0_u8; BYTES];
                    // SAFETY: `last` is a vector.
                    unsafe { _mm256_storeu_si256(last.as_mut_ptr().cast(), bytes) };
                    out.copy_from_slice(&last[..out.len()]);
                }
            }
        }
    }
}

/// Values as integers, saturated to 0..=255.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn integers(values: &[f32; BYTES], inverse: __m256, zero: __m256) -> __m256i {
    let part = |v| _mm256_cvtps_epi32(_mm256_fmadd_ps(load_part(values, v), inverse, zero));
    let first = _mm256_packs_epi32(part(0), part(1));
    let second = _mm256_packs_epi32(part(2), part(3));
    // Packing mixes the 128-bit lanes of its operands.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order)
}

/// The grid of a pixel; see the function for AVX-512.
#[target_feature(enable = "avx2")]
#[inline]
fn range<'a>(groups: impl Iterator<Item = &'a [f32; BYTES]>) -> Grid {
    let mut max = _mm256_setzero_si256();
    let mut min = _mm256_set1_epi32(i32::MIN);
    for values in groups {
        for v in 0..BYTES / LANES {
            let bits = _mm256_castps_si256(load_part(values, v));
            max = _mm256_max_epi32(max, bits);
            min = _mm256_max_epu32(min, bits);
        }
    }
    let mut max = _mm_max_epi32(_mm256_castsi256_si128(max), _mm256_extracti128_si256::<1>(max));
    let mut min = _mm_max_epu32(_mm256_castsi256_si128(min), _mm256_extracti128_si256::<1>(min));
    max = _mm_max_epi32(max, _mm_shuffle_epi32::<0b01_00_11_10>(max));
    min = _mm_max_epu32(min, _mm_shuffle_epi32::<0b01_00_11_10>(min));
    max = _mm_max_epi32(max, _mm_shuffle_epi32::<0b10_11_00_01>(max));
    min = _mm_max_epu32(min, _mm_shuffle_epi32::<0b10_11_00_01>(min));
    let value = |bits| f32::from_bits(_mm_cvtsi128_si32(bits).cast_unsigned());
    Grid::of_range(value(min), value(max))
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_part(values: &[f32; BYTES], v: usize) -> __m256 {
    let values = &values[v * LANES..][..LANES];
    // SAFETY: `values` is a vector.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

define_sum! {
    features: "avx2,avxvnni", vector: __m256i, lanes: 8,
    sizes: [1 2 3 4 5 6]
}

#[target_feature(enable = "avx2")]
#[inline]
fn zero() -> __m256i {
    _mm256_setzero_si256()
}

/// # Safety
/// `from` must point to a readable vector.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load(from: *const f32) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_loadu_si256(from.cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn splat(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

#[target_feature(enable = "avx2,avxvnni")]
#[inline]
fn dot(sum: __m256i, x: __m256i, weights: __m256i) -> __m256i {
    _mm256_dpbusd_avx_epi32(sum, x, weights)
}

/// # Safety
/// `to` must point to a writable vector.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn store(to: *mut f32, sums: __m256i) {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm256_storeu_ps(to, _mm256_cvtepi32_ps(sums)) };
}
