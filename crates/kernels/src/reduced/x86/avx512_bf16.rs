//! AVX-512 with `vdpbf16ps`, which multiplies a pair of inputs of a pixel by the pairs of weights of 16 outputs.

use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, _mm256_mask_storeu_epi16, _mm512_cvtneps_pbh,
    _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_maskz_loadu_ps, _mm512_set1_epi32,
    _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::slice::{ChunksExact, ChunksExactMut};

use super::first;
use super::tiles::define_sum;
use crate::reduced::{Block, Precision};

/// Proof that the processor has AVX-512 for bf16.
#[derive(Clone, Copy)]
pub(super) struct Avx512Bf16(());

/// f32 values per vector.
const LANES: usize = 16;

impl Avx512Bf16 {
    pub(super) fn try_new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16");
        has.then_some(Self(()))
    }

    /// Multiplies in registers without memory accesses; returns the number of operations.
    pub(super) fn peak(self, rounds: usize) -> usize {
        // SAFETY: the check that created `self` found the features that the function needs.
        unsafe { peak(rounds, Precision::Bf16.per_word()) }
    }

    /// See [`super::Reduced::convert`], which checks the lengths.
    pub(super) fn round(
        self,
        x: ChunksExact<'_, f32>,
        channels: usize,
        out: ChunksExactMut<'_, u32>,
    ) {
        // SAFETY: as above.
        unsafe { round(x, channels, out) }
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn round(x: ChunksExact<'_, f32>, channels: usize, out: ChunksExactMut<'_, u32>) {
    for (x, out) in x.zip(out) {
        let out: &mut [u16] = bytemuck::cast_slice_mut(out);
        let x = &x[..channels];
        for at in (0..out.len()).step_by(LANES) {
            // SAFETY: the masks select only values of `x` and `out`.
            unsafe {
                let from = first(channels.saturating_sub(at));
                let values = _mm512_maskz_loadu_ps(from, x.as_ptr().wrapping_add(at));
                let rounded = _mm512_cvtneps_pbh(values);
                let rounded = std::mem::transmute::<__m256bh, __m256i>(rounded);
                let to = out.as_mut_ptr().add(at).cast();
                _mm256_mask_storeu_epi16(to, first(out.len() - at), rounded);
            }
        }
    }
}

define_sum! {
    features: "avx512f,avx512bf16", vector: __m512, lanes: 16,
    sizes: [1 2 3 4 5 6 7 8 9 10 11 12 13 14]
}

#[target_feature(enable = "avx512f")]
#[inline]
fn zero() -> __m512 {
    _mm512_setzero_ps()
}

/// # Safety
/// `from` must point to a readable vector.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn load(from: *const f32) -> __m512 {
    // SAFETY: guaranteed by the caller.
    bits(unsafe { _mm512_loadu_si512(from.cast()) })
}

#[target_feature(enable = "avx512f")]
#[inline]
fn splat(word: u32) -> __m512 {
    bits(_mm512_set1_epi32(word.cast_signed()))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn bits(vector: __m512i) -> __m512 {
    std::arch::x86_64::_mm512_castsi512_ps(vector)
}

#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn dot(sum: __m512, x: __m512, weights: __m512) -> __m512 {
    // SAFETY: all are 512 bits for which any pattern is valid.
    let pairs = |bits: __m512| unsafe { std::mem::transmute::<__m512, __m512bh>(bits) };
    _mm512_dpbf16_ps(sum, pairs(x), pairs(weights))
}

/// # Safety
/// `to` must point to a writable vector.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn store(to: *mut f32, sums: __m512) {
    // SAFETY: guaranteed by the caller.
    unsafe { _mm512_storeu_ps(to, sums) };
}
