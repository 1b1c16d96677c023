//! AVX-512 with `vpdpbusd`, which multiplies four inputs of a pixel by the weights of 16 outputs.

use std::arch::x86_64::{
    __m512i, _mm_cvtsi128_si32, _mm512_castps_si512, _mm512_castsi512_si128, _mm512_cvtepi32_ps,
    _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_extracti32x4_epi32, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_cvtusepi32_storeu_epi8, _mm512_maskz_loadu_ps,
    _mm512_max_epi32, _mm512_max_epu32, _mm512_packs_epi32, _mm512_packus_epi16,
    _mm512_permutexvar_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setr_epi32,
    _mm512_setzero_si512, _mm512_shuffle_epi32, _mm512_shuffle_i64x2, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_xor_si512,
};
use std::mem::MaybeUninit;
use std::slice::{ChunksExact, ChunksExactMut};

use super::first;
use super::tiles::define_sum;
use crate::reduced::{Block, Grid, OUTPUTS, Precision};

/// Proof that the processor has AVX-512 for 8-bit integers.
#[derive(Clone, Copy)]
pub(super) struct Avx512Vnni(());

/// f32 values per vector.
const LANES: usize = 16;

/// Bytes per vector.
const BYTES: usize = 64;

impl Avx512Vnni {
    pub(super) fn try_new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vnni");
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

    /// Converts the sums of the first `pixels` pixels of a block from i32 to f32.
    pub(super) fn integers_to_f32(self, block: &mut Block, pixels: usize) {
        // SAFETY: as above.
        unsafe { integers_to_f32(&mut block.0[..pixels * OUTPUTS]) }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn quantise(
    x: ChunksExact<'_, f32>,
    channels: usize,
    out: ChunksExactMut<'_, u32>,
    grids: &mut [Grid],
) {
    // Packing mixes the 128-bit lanes of its operands.
    let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let last = first(channels % LANES);
    for ((x, out), grid) in x.zip(out).zip(grids) {
        let out: &mut [u8] = bytemuck::cast_slice_mut(out);
        *grid = range(&x[..channels], last);
        let (inverse, zero) = (_mm512_set1_ps(1.0 / grid.scale), _mm512_set1_ps(grid.zero));
        let integers = |values| _mm512_cvtps_epi32(_mm512_fmadd_ps(values, inverse, zero));
        let (groups, x) = x[..channels].as_chunks::<BYTES>();
        let (bytes, out) = out.split_at_mut(groups.len() * BYTES);
        for (x, out) in groups.iter().zip(bytes.as_chunks_mut::<BYTES>().0) {
            // SAFETY: a group is four vectors of `x` and one of bytes.
            unsafe {
                let part = |v: usize| integers(_mm512_loadu_ps(x.as_ptr().add(v * LANES)));
                // With saturation to 0..=255.
                let first = _mm512_packs_epi32(part(0), part(1));
                let second = _mm512_packs_epi32(part(2), part(3));
                let bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(first, second));
                _mm512_storeu_si512(out.as_mut_ptr().cast(), bytes);
            }
        }
        for at in (0..out.len()).step_by(LANES) {
            // SAFETY: the masks select only values of `x` and bytes of `out`.
            unsafe {
                let mask = first(x.len().saturating_sub(at));
                let values = _mm512_maskz_loadu_ps(mask, x.as_ptr().wrapping_add(at));
                let integers = _mm512_max_epi32(integers(values), _mm512_setzero_si512());
                let to = out.as_mut_ptr().add(at).cast();
                _mm512_mask_cvtusepi32_storeu_epi8(to, first(out.len() - at), integers);
            }
        }
    }
}

/// The grid of a pixel; `last` selects the values beyond whole vectors.
#[target_feature(enable = "avx512f")]
#[inline]
fn range(x: &[f32], last: u16) -> Grid {
    // The bits of positive numbers compare like integers, those of negative ones like unsigned integers in reverse; NaN
    // is beyond infinity on both sides. The other sign compares as less than zero.
    const SIGN: i32 = i32::MIN;
    let mut max = _mm512_setzero_si512();
    let mut min = _mm512_set1_epi32(SIGN);
    let (vectors, rest) = x.as_chunks::<LANES>();
    for vector in vectors {
        // SAFETY: it is a vector.
        let bits = _mm512_castps_si512(unsafe { _mm512_loadu_ps(vector.as_ptr()) });
        max = _mm512_max_epi32(max, bits);
        min = _mm512_max_epu32(min, bits);
    }
    if !rest.is_empty() {
        // SAFETY: the mask selects as many values.
        let bits = _mm512_castps_si512(unsafe { _mm512_maskz_loadu_ps(last, rest.as_ptr()) });
        max = _mm512_max_epi32(max, bits);
        min = _mm512_max_epu32(min, bits);
    }
    // Both without the sign are reduced together, in the halves of a vector.
    let min = _mm512_xor_si512(min, _mm512_set1_epi32(SIGN));
    let mut both = _mm512_max_epi32(
        _mm512_shuffle_i64x2::<0b01_00_01_00>(max, min),
        _mm512_shuffle_i64x2::<0b11_10_11_10>(max, min),
    );
    both = _mm512_max_epi32(both, _mm512_shuffle_i64x2::<0b10_11_00_01>(both, both));
    both = _mm512_max_epi32(both, _mm512_shuffle_epi32::<0b01_00_11_10>(both));
    both = _mm512_max_epi32(both, _mm512_shuffle_epi32::<0b10_11_00_01>(both));
    let value = |half| f32::from_bits(_mm_cvtsi128_si32(half).cast_unsigned());
    let max = value(_mm512_castsi512_si128(both));
    let min = -value(_mm512_extracti32x4_epi32::<2>(both));
    Grid::of_range(min, max)
}

#[target_feature(enable = "avx512f")]
fn integers_to_f32(sums: &mut [MaybeUninit<f32>]) {
    for sums in sums.chunks_exact_mut(LANES) {
        // SAFETY: `sums` is a vector.
        unsafe {
            let integers = _mm512_loadu_si512(sums.as_ptr().cast());
            _mm512_storeu_ps(sums.as_mut_ptr().cast(), _mm512_cvtepi32_ps(integers));
        }
    }
}

define_sum! {
    features: "avx512f,avx512vnni", vector: __m512i, lanes: 16,
    sizes: [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
}

#[target_feature(enable = "avx512f")]
#[inline]
fn zero() -> __m512i {
    _mm512_setzero_si512()
}

/// # Safety
/// `from` must point to a readable vector.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load(from: *const f32) -> __m512i {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm512_loadu_si512(from.cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn dot(sum: __m512i, x: __m512i, weights: __m512i) -> __m512i {
    _mm512_dpbusd_epi32(sum, x, weights)
}

/// # Safety
/// `to` must point to a writable vector.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn store(to: *mut f32, sums: __m512i) {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm512_storeu_ps(to, _mm512_cvtepi32_ps(sums)) };
}
