//! The gradient of a convolution's kernel and bias.
//!
//! `d_kernel[k][n] = sum_p window(p)[k] * d_out[p][n]`, `d_bias[n] = sum_p d_out[p][n]`
//!
//! A register tile accumulates the kernel's gradient for some inputs by some vectors of outputs: for each pixel, it
//! adds the product of the window's values and the pixel's gradients. Sums are accumulated pixel by pixel, so splitting
//! the pixels into several runs gives bitwise equal results.

use pulp::{MemMask, Simd, WithSimd};

use super::Windows;
use super::tile::{STEPS, most_pixels, step, widest};
use crate::Isa;
use crate::chunks::evenly;
use crate::prefetch::fetch;
use crate::simd::{load, store};

/// The arguments of [`KernelGradient::run`].
#[derive(Debug)]
pub struct KernelGradient<'a> {
    /// The values under the windows, starting with the first window.
    pub x: &'a [f32],
    /// Location of the windows.
    pub windows: Windows,
    /// The gradient of the output, `[height][width][outputs]`.
    pub d_out: &'a [f32],
    /// `[inputs][outputs]`.
    pub d_kernel: &'a mut [f32],
    /// `[outputs]`.
    pub d_bias: &'a mut [f32],
    /// Whether to add to the gradients or overwrite them.
    pub add: bool,
}

/// Pixels whose gradients are packed at a time; with the widest panel they fill most of L1.
const BLOCK: usize = 128;
/// Values of the widest panel.
const PANEL: usize = 64;

/// The gradients of some pixels for a panel of outputs, `[pixels][vectors][lanes]`.
#[repr(align(64))]
struct Packed([f32; BLOCK * PANEL]);

impl KernelGradient<'_> {
    /// Adds the products of all pixels.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn run(mut self, isa: Isa) {
        let Windows { height, width, segments, .. } = self.windows;
        let outputs = self.d_bias.len();
        let inputs = self.d_kernel.len() / outputs.max(1);
        assert!(outputs > 0 && self.d_kernel.len() == inputs * outputs, "kernel and bias disagree");
        assert!(segments > 0 && inputs.is_multiple_of(segments), "windows of another shape");
        let pixels = height.checked_mul(width).expect("fewer pixels than any slice has");
        assert_eq!(self.d_out.len(), pixels * outputs, "gradients of other pixels");
        if !self.add {
            self.d_bias.fill(0.0);
        }
        if pixels == 0 || inputs == 0 {
            if !self.add {
                self.d_kernel.fill(0.0);
            }
            return;
        }
        assert!(self.x.len() >= self.windows.reach(inputs), "x is too short");
        self.windows = self.windows.flattened().unwrap_or(self.windows);
        isa.run(self);
    }
}

impl WithSimd for KernelGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Windows { height, width, .. } = self.windows;
        let vectors = self.d_bias.len().div_ceil(S::F32_LANES);
        let panels = vectors.div_ceil(widest::<S>());
        let mut packed = Packed([0.0; BLOCK * PANEL]);
        for row in 0..height {
            for column in (0..width).step_by(BLOCK) {
                let pixels = BLOCK.min(width - column);
                let start = row * self.windows.row_stride + column * self.windows.pixel_stride;
                let end = start + pixels * self.windows.pixel_stride;
                fetch(&self.x[start..end.min(self.x.len())]);
                let mut first = 0;
                for left in (1..=panels).rev() {
                    // Panels of nearly equal width.
                    let own = (vectors - first).div_ceil(left);
                    let place = Place { row, column, pixels, channel: first * S::F32_LANES };
                    match own {
                        1 => self.panel::<S, 1>(simd, place, &mut packed),
                        2 if widest::<S>() >= 2 => self.panel::<S, 2>(simd, place, &mut packed),
                        3 if widest::<S>() >= 3 => self.panel::<S, 3>(simd, place, &mut packed),
                        _ if widest::<S>() >= 4 => self.panel::<S, 4>(simd, place, &mut packed),
                        vectors => unreachable!("no panel has {vectors} vectors"),
                    }
                    first += own;
                }
            }
        }
    }
}

/// A range of pixels of a row, and the first output of a panel.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    pixels: usize,
    channel: usize,
}

impl KernelGradient<'_> {
    /// Computes a panel of `NV` vectors of outputs.
    #[inline(always)]
    fn panel<S: Simd, const NV: usize>(&mut self, simd: S, place: Place, packed: &mut Packed) {
        let Place { row, column, pixels, channel } = place;
        let outputs = self.d_bias.len();
        let used = (NV * S::F32_LANES).min(outputs - channel);
        let first = row * self.windows.width + column;
        let rows = self.d_out[first * outputs..].chunks_exact(outputs).take(pixels);
        let d_bias = &mut self.d_bias[channel..][..used];
        let mut sums = [simd.splat_f32s(0.0); NV];
        for (sum, from) in sums.iter_mut().zip(d_bias.chunks(S::F32_LANES)) {
            *sum = load(simd, from);
        }
        for (to, from) in packed.0.chunks_exact_mut(NV * S::F32_LANES).zip(rows) {
            let from = &from[channel..][..used];
            for (v, to) in S::as_mut_simd_f32s(to).0.iter_mut().enumerate() {
                let d = load(simd, &from[v * S::F32_LANES..]);
                *to = d;
                sums[v] = simd.add_f32s(sums[v], d);
            }
        }
        for (sum, to) in sums.iter().zip(d_bias.chunks_mut(S::F32_LANES)) {
            store(simd, to, *sum);
        }

        let Windows { row_stride, pixel_stride, segments, segment_stride, .. } = self.windows;
        let length = self.d_kernel.len() / outputs / segments;
        for segment in 0..segments {
            let x = row * row_stride + column * pixel_stride + segment * segment_stride;
            let mut tiles = Tiles::<NV> {
                x: &self.x[x..],
                pixel_stride,
                d_out: &packed.0[..pixels * NV * S::F32_LANES],
                d_kernel: &mut self.d_kernel[segment * length * outputs + channel..],
                outputs,
                used,
                add: self.add || first > 0,
            };
            // Inputs take the role of pixels in the convolution's tiles.
            for (inputs, range) in evenly(length, most_pixels::<S>(NV)) {
                if range.is_empty() {
                    continue;
                }
                // Called through pointers, each size remains a separate function, whose sums the compiler keeps in
                // registers.
                let sizes = [
                    sized::<S, NV, 1>,
                    sized::<S, NV, 2>,
                    sized::<S, NV, 3>,
                    sized::<S, NV, 4>,
                    sized::<S, NV, 5>,
                    sized::<S, NV, 6>,
                    sized::<S, NV, 7>,
                    sized::<S, NV, 8>,
                    sized::<S, NV, 9>,
                    sized::<S, NV, 10>,
                    sized::<S, NV, 11>,
                    sized::<S, NV, 12>,
                    sized::<S, NV, 13>,
                    sized::<S, NV, 14>,
                ];
                sizes[inputs - 1](simd, &mut tiles, range);
            }
        }
    }
}

/// A panel of `NV` vectors of the kernel's gradient, and the factors to accumulate in it.
struct Tiles<'a, const NV: usize> {
    /// Starts at the first input of the first pixel.
    x: &'a [f32],
    pixel_stride: usize,
    /// `[pixels][NV][lanes]`.
    d_out: &'a [f32],
    /// Starts at the panel's first output of the first input.
    d_kernel: &'a mut [f32],
    /// Stride between inputs, in values.
    outputs: usize,
    /// Values of the panel without padding.
    used: usize,
    /// Whether to add to `d_kernel`.
    add: bool,
}

/// Computes the tiles of `MR` inputs that fill `inputs`.
fn sized<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    tiles: &mut Tiles<'_, NV>,
    inputs: std::ops::Range<usize>,
) {
    assert!(MR <= most_pixels::<S>(NV), "a larger tile than the registers hold");
    simd.vectorize(Sized::<NV, MR> { tiles, inputs });
}

struct Sized<'t, 'a, const NV: usize, const MR: usize> {
    tiles: &'t mut Tiles<'a, NV>,
    inputs: std::ops::Range<usize>,
}

impl<const NV: usize, const MR: usize> WithSimd for Sized<'_, '_, NV, MR> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for input in self.inputs.step_by(MR) {
            self.tiles.tile::<S, MR>(simd, input);
        }
    }
}

// The compiler unrolls index loops completely, so that sums stay in registers.
#[allow(clippy::needless_range_loop)]
impl<const NV: usize> Tiles<'_, NV> {
    #[inline(always)]
    fn tile<S: Simd, const MR: usize>(&mut self, simd: S, input: usize) {
        let pixels = self.d_out.len() / (NV * S::F32_LANES);
        let reach = (pixels - 1) * self.pixel_stride + MR;
        let x = &self.x[input..][..reach];
        let lanes = self.used - (NV - 1) * S::F32_LANES;
        let mask = (lanes < S::F32_LANES).then(|| simd.mask_between_m32s(0, lanes as u32));
        let to = &mut self.d_kernel[input * self.outputs..][..(MR - 1) * self.outputs + self.used];

        // SAFETY: row `i` of the tile is at offset `i * outputs`; the last has `used` values: `NV - 1` vectors and the
        // lanes that `mask` selects. `d_out` has `NV` vectors for each pixel, and `x` ends with the last of `MR` values
        // of the last pixel.
        unsafe {
            let to = to.as_mut_ptr();
            let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
            if self.add {
                for i in 0..MR {
                    for v in 0..NV - 1 {
                        let from = to.add(i * self.outputs + v * S::F32_LANES);
                        sums[i][v] = from.cast::<S::f32s>().read_unaligned();
                    }
                    let from = to.add(i * self.outputs + (NV - 1) * S::F32_LANES);
                    sums[i][NV - 1] = load_last(simd, mask, from);
                }
            }
            let mut d_out = self.d_out.as_ptr().cast::<S::f32s>();
            let mut x = x.as_ptr();
            for _ in 0..pixels / STEPS {
                for pixel in 0..STEPS {
                    let x = x.add(pixel * self.pixel_stride);
                    step(simd, x, 1, d_out.add(pixel * NV), &mut sums);
                }
                d_out = d_out.add(STEPS * NV);
                x = x.wrapping_add(STEPS * self.pixel_stride);
            }
            for _ in 0..pixels % STEPS {
                step(simd, x, 1, d_out, &mut sums);
                d_out = d_out.add(NV);
                x = x.wrapping_add(self.pixel_stride);
            }
            for i in 0..MR {
                for v in 0..NV - 1 {
                    let to = to.add(i * self.outputs + v * S::F32_LANES);
                    to.cast::<S::f32s>().write_unaligned(sums[i][v]);
                }
                let to = to.add(i * self.outputs + (NV - 1) * S::F32_LANES);
                match mask {
                    None => to.cast::<S::f32s>().write_unaligned(sums[i][NV - 1]),
                    Some(mask) => simd.mask_store_ptr_f32s(mask, to, sums[i][NV - 1]),
                }
            }
        }
    }
}

/// # Safety
/// `from` points to a vector, or to the lanes of one that `mask` selects.
#[inline(always)]
unsafe fn load_last<S: Simd>(simd: S, mask: Option<MemMask<S::m32s>>, from: *const f32) -> S::f32s {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match mask {
            None => from.cast::<S::f32s>().read_unaligned(),
            Some(mask) => simd.mask_load_ptr_f32s(mask, from),
        }
    }
}
