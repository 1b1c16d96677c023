//! AVX-512 with `vdpbf16ps`, which multiplies a pair of inputs of a pixel by the pairs of weights of 16 outputs.

use std::arch::x86_64::{
    __m256bh, __m512, __m512bh, __m512i, _mm512_cvtneps_pbh, _mm512_dpbf16_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_maskz_loadu_ps, _mm512_set1_epi32, _mm512_setzero_ps,
    _mm512_storeu_ps,
};
use std::hint::black_box;

use super::finish::lanes;
use crate::bf16::{Block, Finish, INPUTS, LANES, OUTPUTS, Round};

/// Proof that the processor has AVX-512 for bf16.
#[derive(Clone, Copy)]
pub(super) struct Avx512Bf16(());

/// Pixels whose sums are kept in registers at a time, two vectors each.
const TILE: usize = 8;

impl Avx512Bf16 {
    pub(super) fn try_new() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bf16");
        has.then_some(Self(()))
    }

    /// Multiplies in registers without memory accesses; returns the number of floating-point operations.
    pub(super) fn peak(self, rounds: usize) -> usize {
        // SAFETY: the check that created `self` found the features that the function needs.
        unsafe { peak(rounds) }
    }

    /// See [`Round::run`], which checks the lengths.
    pub(super) fn round(self, round: Round<'_>) {
        // SAFETY: as above.
        unsafe { round_pixels(round) }
    }

    /// See [`super::Session::finish`].
    pub(super) fn finish(self, finish: Finish<'_, '_>) {
        // SAFETY: as above.
        unsafe { finish.run() }
    }

    /// See [`super::Session::sum`], which checks the lengths.
    pub(super) fn sum(
        self,
        x: &[u16],
        pixel: usize,
        count: usize,
        weights: &[f32],
        block: &mut Block,
    ) {
        for first in (0..count).step_by(TILE) {
            // SAFETY: as above.
            unsafe { tile(&x[first * pixel..], pixel, weights, &mut block.0[first * OUTPUTS..]) };
        }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn peak(rounds: usize) -> usize {
    const CHAINS: usize = 14;
    let ones = pairs(_mm512_set1_epi32(black_box(0x3f80_3f80)));
    let mut sums = [_mm512_setzero_ps(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, ones, ones);
        }
    }
    black_box(sums);
    rounds * CHAINS * LANES * 2 * 2
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
fn round_pixels(round: Round<'_>) {
    let Round { x, stride, channels, out, pixel } = round;
    let (whole, rest) = (channels / LANES * LANES, lanes(channels % LANES));
    for (x, out) in x.chunks_exact(stride).zip(out.chunks_exact_mut(pixel)) {
        for at in (0..whole).step_by(LANES) {
            // SAFETY: both have `channels` values, which is at least `whole`.
            unsafe {
                let rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(x.as_ptr().add(at)));
                out.as_mut_ptr().add(at).cast::<__m256bh>().write_unaligned(rounded);
            }
        }
        let mut mask = rest;
        for at in (whole..pixel).step_by(LANES) {
            // SAFETY: the mask selects only lanes within the `channels` values of `x`. `out` consists of whole vectors.
            unsafe {
                let values = _mm512_maskz_loadu_ps(mask, x.as_ptr().wrapping_add(at));
                let to = out.as_mut_ptr().add(at).cast::<__m256bh>();
                to.write_unaligned(_mm512_cvtneps_pbh(values));
            }
            mask = 0;
        }
    }
}

/// `TILE` pixels by `OUTPUTS` outputs.
#[target_feature(enable = "avx512f,avx512bf16")]
fn tile(x: &[u16], pixel: usize, weights: &[f32], out: &mut [f32]) {
    assert!(x.len() >= TILE * pixel && weights.len() >= pixel / 2 * OUTPUTS);
    assert!(out.len() >= TILE * OUTPUTS);
    let mut sums: [[__m512; 2]; TILE] = [[_mm512_setzero_ps(); 2]; TILE];
    for step in 0..pixel / INPUTS {
        for pair in 0..INPUTS / 2 {
            // SAFETY: the weights of a step are two halves of `INPUTS / 2` vectors; the caller has checked that `x`
            // contains the inputs of `TILE` pixels.
            unsafe {
                let at = (step * INPUTS + pair) * LANES;
                let first = load(weights.as_ptr().add(at));
                let second = load(weights.as_ptr().add(at + INPUTS / 2 * LANES));
                for (i, sums) in sums.iter_mut().enumerate() {
                    let inputs = x.as_ptr().add(i * pixel + step * INPUTS + 2 * pair);
                    let inputs = pairs(_mm512_set1_epi32(inputs.cast::<i32>().read_unaligned()));
                    sums[0] = _mm512_dpbf16_ps(sums[0], inputs, first);
                    sums[1] = _mm512_dpbf16_ps(sums[1], inputs, second);
                }
            }
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        // SAFETY: `out` has been checked to contain `TILE` rows of two vectors.
        unsafe {
            _mm512_storeu_ps(out.as_mut_ptr().add(i * OUTPUTS), sums[0]);
            _mm512_storeu_ps(out.as_mut_ptr().add(i * OUTPUTS + LANES), sums[1]);
        }
    }
}

/// # Safety
/// `from` must point to a readable vector.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn load(from: *const f32) -> __m512bh {
    // SAFETY: guaranteed by the caller.
    pairs(unsafe { _mm512_loadu_si512(from.cast()) })
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn pairs(bits: __m512i) -> __m512bh {
    // SAFETY: both are 512 bits for which any pattern is valid.
    unsafe { std::mem::transmute(bits) }
}
