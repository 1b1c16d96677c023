//! The register tile: up to `MR` pixels by `NV` vectors of output channels.

use std::ops::Range;

use pulp::{MemMask, Simd, WithSimd};

use super::{Conv, Panel, Target, Windows};
use crate::activation::{Pixels, finish};
use crate::chunks::evenly;
use crate::prefetch::Prefetch;
use crate::simd::{clamp, is_portable, mul_add};
use crate::{Clamp, Function};

/// Vectors of the widest panel.
pub(super) struct WidestPanel;

impl WithSimd for WidestPanel {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        widest::<S>()
    }
}

#[inline(always)]
pub(super) fn widest<S: Simd>() -> usize {
    match S::REGISTER_COUNT {
        _ if is_portable::<S>() => 1,
        0..32 => 2,
        _ => 4,
    }
}

/// Maximum pixels per tile: its sums, one row of weights and a broadcast value must fit into the registers.
#[inline(always)]
pub(super) fn most_pixels<S: Simd>(vectors: usize) -> usize {
    match (S::REGISTER_COUNT, vectors) {
        _ if is_portable::<S>() => 4,
        (0..32, 1) => 12,
        (0..32, _) => 6,
        (_, 1) => 14,
        (_, 2) => 13,
        (_, 3) => 9,
        _ => 6,
    }
}

/// A job checked by [`super::Conv::run`]: the windows of `x`, the target and the residual extend as far as their
/// strides require.
pub(super) struct Job<'a> {
    pub(super) op: &'a Conv,
    pub(super) panels: Range<usize>,
    pub(super) chunk: usize,
    pub(super) x: &'a [f32],
    /// Its rows and columns are also those of the target.
    pub(super) windows: Windows,
    pub(super) residual: Option<&'a [f32]>,
    pub(super) target: Target<'a>,
    pub(super) ahead: &'a [f32],
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut ahead = Prefetch::new(self.ahead, self.steps::<S>());
        for index in self.panels.clone() {
            match self.op.panels[index].vectors {
                1 => self.panel::<S, 1>(simd, index, &mut ahead),
                2 if widest::<S>() >= 2 => self.panel::<S, 2>(simd, index, &mut ahead),
                3 if widest::<S>() >= 3 => self.panel::<S, 3>(simd, index, &mut ahead),
                _ if widest::<S>() >= 4 => self.panel::<S, 4>(simd, index, &mut ahead),
                vectors => unreachable!("no panel has {vectors} vectors"),
            }
        }
    }
}

impl Job<'_> {
    /// Number of groups of [`STEPS`] steps in all tiles.
    #[inline(always)]
    fn steps<S: Simd>(&self) -> usize {
        let Windows { height, width, segments, .. } = self.windows;
        let of_tile = segments * (self.op.chunks[self.chunk].len() / segments / STEPS);
        let tiles = |panel: &Panel| height * width.div_ceil(most_pixels::<S>(panel.vectors));
        of_tile * self.op.panels[self.panels.clone()].iter().map(tiles).sum::<usize>()
    }

    #[inline(always)]
    fn panel<S: Simd, const NV: usize>(&mut self, simd: S, index: usize, ahead: &mut Prefetch) {
        let op = self.op;
        let Clamp { min, max } = op.activation.clamp().unwrap_or(Clamp::NONE);
        let panel = op.panels[index];
        let inputs = &op.chunks[self.chunk];
        let channel = panel.first_output - op.panels[self.panels.start].first_output;
        // A pixel may have room for only some lanes of its last vector.
        let all = NV * S::F32_LANES;
        let own = all.min(op.outputs - panel.first_output);
        let used = if self.target.room >= channel + all { all } else { own };
        let last = inputs.end == op.inputs();
        let mut tiles = Tiles::<NV> {
            x: self.x,
            windows: self.windows,
            length: inputs.len() / self.windows.segments,
            weights: op.weights(self.chunk, index..index + 1),
            bias: (inputs.start == 0).then(|| &op.bias[panel.first_output..][..all]),
            last,
            residual: self.residual.map(|residual| &residual[channel..]),
            min,
            max,
            function: op.activation.function().filter(|_| last),
            outputs: own,
            out: &mut self.target.values[channel..],
            row_stride: self.target.row_stride,
            pixel_stride: self.target.pixel_stride,
            used,
            ahead,
        };

        // A tile loads its weights from the cache regardless of its number of pixels.
        for (pixels, columns) in evenly(self.windows.width, most_pixels::<S>(NV)) {
            if columns.is_empty() {
                continue;
            }
            // Called through pointers, each size remains a separate function: combined in one function, they exceed
            // what the compiler keeps in registers.
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
            sizes[pixels - 1](simd, &mut tiles, columns);
        }
    }
}

/// Computes the tiles of `MR` pixels in `columns` of every row.
fn sized<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    tiles: &mut Tiles<'_, NV>,
    columns: Range<usize>,
) {
    assert!(MR <= most_pixels::<S>(NV), "a larger tile than the registers hold");
    simd.vectorize(Sized::<NV, MR> { tiles, columns });
}

/// The tiles of a panel of `NV` vectors.
struct Tiles<'a, const NV: usize> {
    x: &'a [f32],
    windows: Windows,
    /// Values per segment of a window.
    length: usize,
    /// `[segments][length][NV][lanes]`.
    weights: &'a [f32],
    /// Initial value of the sums; the target's content when `None`.
    bias: Option<&'a [f32]>,
    /// Whether the sums are complete after these inputs.
    last: bool,
    residual: Option<&'a [f32]>,
    min: f32,
    max: f32,
    /// Applied to the complete sums.
    function: Option<Function>,
    /// Output values per pixel.
    outputs: usize,
    out: &'a mut [f32],
    row_stride: usize,
    pixel_stride: usize,
    /// Stored values per pixel.
    used: usize,
    ahead: &'a mut Prefetch,
}

/// Tiles of `MR` pixels that fill some columns of every row.
struct Sized<'t, 'a, const NV: usize, const MR: usize> {
    tiles: &'t mut Tiles<'a, NV>,
    columns: Range<usize>,
}

impl<const NV: usize, const MR: usize> WithSimd for Sized<'_, '_, NV, MR> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for row in 0..self.tiles.windows.height {
            for column in self.columns.clone().step_by(MR) {
                self.tiles.tile::<S, MR>(simd, row, column);
            }
        }
    }
}

/// Steps between two pointer updates: the overhead of a step matters where its products are few.
pub(super) const STEPS: usize = 4;

/// Adds the products of `MR` values, `stride` apart, with `NV` vectors of weights.
///
/// # Safety
/// `x` points to the first of `MR` readable values, `stride` apart, and `weight` to the vectors.
// The compiler unrolls index loops completely, so that sums stay in registers.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
pub(super) unsafe fn step<S: Simd, const NV: usize, const MR: usize>(
    simd: S,
    x: *const f32,
    stride: usize,
    weight: *const S::f32s,
    sums: &mut [[S::f32s; NV]; MR],
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let mut row = [simd.splat_f32s(0.0); NV];
        for v in 0..NV {
            row[v] = weight.add(v).read_unaligned();
        }
        for i in 0..MR {
            let value = simd.splat_f32s(*x.add(i * stride));
            for v in 0..NV {
                sums[i][v] = mul_add(simd, value, row[v], sums[i][v]);
            }
        }
    }
}

// As above.
#[allow(clippy::needless_range_loop)]
impl<const NV: usize> Tiles<'_, NV> {
    #[inline(always)]
    fn tile<S: Simd, const MR: usize>(&mut self, simd: S, row: usize, column: usize) {
        let Windows { pixel_stride, segments, segment_stride, .. } = self.windows;
        let length = self.length;
        let reach = (MR - 1) * pixel_stride + (segments - 1) * segment_stride + length;
        let x = &self.x[row * self.windows.row_stride + column * pixel_stride..][..reach];
        let place = row * self.row_stride + column * self.pixel_stride;

        let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
        if let Some(bias) = self.bias {
            let bias = S::as_simd_f32s(bias).0;
            for v in 0..NV {
                let bias = bias[v];
                for i in 0..MR {
                    sums[i][v] = bias;
                }
            }
        } else {
            self.add(simd, &self.out[place..], &mut sums);
        }

        let mut ahead = *self.ahead;
        // SAFETY: `weights` has `inputs * NV` vectors and the loops read `NV` for each of `segments * length = inputs`
        // steps. `x` has been cut to `reach` values, up to the last of the last segment of pixel `MR - 1`. `reach`
        // cannot have overflowed: `Conv::run` has computed a larger one with checks.
        unsafe {
            let mut weight = self.weights.as_ptr().cast::<S::f32s>();
            for segment in 0..segments {
                let mut x = x.as_ptr().add(segment * segment_stride);
                for _ in 0..length / STEPS {
                    for k in 0..STEPS {
                        step(simd, x.add(k), pixel_stride, weight.add(k * NV), &mut sums);
                    }
                    ahead.fetch();
                    weight = weight.add(STEPS * NV);
                    x = x.add(STEPS);
                }
                for _ in 0..length % STEPS {
                    step(simd, x, pixel_stride, weight, &mut sums);
                    weight = weight.add(NV);
                    x = x.add(1);
                }
            }
        }
        *self.ahead = ahead;

        if self.last {
            if let Some(residual) = self.residual {
                self.add(simd, &residual[place..], &mut sums);
            }
            let (min, max) = (simd.splat_f32s(self.min), simd.splat_f32s(self.max));
            for i in 0..MR {
                for v in 0..NV {
                    sums[i][v] = clamp(simd, sums[i][v], min, max);
                }
            }
        }
        self.store(simd, place, &sums);
        if let Some(function) = self.function {
            let values = &mut self.out[place..];
            let (size, strides) = ((1, MR), (0, self.pixel_stride));
            finish(simd, function, Pixels { values, size, strides, used: self.outputs });
        }
    }

    /// Adds the values of each pixel in `from` to `sums`.
    #[inline(always)]
    fn add<S: Simd, const MR: usize>(&self, simd: S, from: &[f32], sums: &mut [[S::f32s; NV]; MR]) {
        assert!((MR - 1) * self.pixel_stride + self.used <= from.len(), "checked by `Conv::run`");
        // SAFETY: the last pixel has `used` values: `NV - 1` vectors and the lanes that `last_vector` selects.
        unsafe {
            let from = from.as_ptr();
            for i in 0..MR {
                for v in 0..NV - 1 {
                    let at = from.add(i * self.pixel_stride + v * S::F32_LANES);
                    let value = at.cast::<S::f32s>().read_unaligned();
                    sums[i][v] = simd.add_f32s(sums[i][v], value);
                }
            }
            let from = from.add((NV - 1) * S::F32_LANES);
            let mut last = [simd.splat_f32s(0.0); MR];
            match self.last_vector(simd) {
                None => {
                    for i in 0..MR {
                        let at = from.add(i * self.pixel_stride);
                        last[i] = at.cast::<S::f32s>().read_unaligned();
                    }
                }
                Some(mask) => {
                    for i in 0..MR {
                        last[i] = simd.mask_load_ptr_f32s(mask, from.add(i * self.pixel_stride));
                    }
                }
            }
            for i in 0..MR {
                sums[i][NV - 1] = simd.add_f32s(sums[i][NV - 1], last[i]);
            }
        }
    }

    #[inline(always)]
    fn store<S: Simd, const MR: usize>(
        &mut self,
        simd: S,
        place: usize,
        sums: &[[S::f32s; NV]; MR],
    ) {
        let last_vector = self.last_vector(simd);
        let to = &mut self.out[place..];
        assert!((MR - 1) * self.pixel_stride + self.used <= to.len(), "checked by `Conv::run`");
        // SAFETY: as for `add`.
        unsafe {
            let to = to.as_mut_ptr();
            for i in 0..MR {
                for v in 0..NV - 1 {
                    let to = to.add(i * self.pixel_stride + v * S::F32_LANES);
                    to.cast::<S::f32s>().write_unaligned(sums[i][v]);
                }
            }
            let to = to.add((NV - 1) * S::F32_LANES);
            match last_vector {
                None => {
                    for i in 0..MR {
                        let to = to.add(i * self.pixel_stride);
                        to.cast::<S::f32s>().write_unaligned(sums[i][NV - 1]);
                    }
                }
                Some(mask) => {
                    // From separate memory: the loop is not worth unrolling.
                    let mut last = [simd.splat_f32s(0.0); MR];
                    for i in 0..MR {
                        last[i] = sums[i][NV - 1];
                    }
                    for i in 0..MR {
                        simd.mask_store_ptr_f32s(mask, to.add(i * self.pixel_stride), last[i]);
                    }
                }
            }
        }
    }

    /// The lanes of a pixel's last vector that may be written, unless all may.
    #[inline(always)]
    fn last_vector<S: Simd>(&self, simd: S) -> Option<MemMask<S::m32s>> {
        let lanes = self.used - (NV - 1) * S::F32_LANES;
        (lanes < S::F32_LANES).then(|| simd.mask_between_m32s(0, lanes as u32))
    }
}
