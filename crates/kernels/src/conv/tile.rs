//! The register tile: `MR` pixels by `NV` vectors of output channels.

use pulp::{Simd, WithSimd};

use super::{Conv, Panel, Windows};
use crate::simd::{clamp, is_portable, load, mul_add, store};

/// Lanes of a vector, and vectors of the widest panel.
pub(super) struct Geometry;

impl WithSimd for Geometry {
    type Output = (usize, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        (S::F32_LANES, widest::<S>())
    }
}

/// Accumulators, one row of weights and a broadcast value must fit into the registers.
#[inline(always)]
fn widest<S: Simd>() -> usize {
    match S::REGISTER_COUNT {
        _ if is_portable::<S>() => 1,
        0..32 => 2,
        _ => 4,
    }
}

pub(super) struct Run<'a> {
    pub(super) op: &'a Conv,
    pub(super) x: &'a [f32],
    pub(super) windows: Windows,
    pub(super) residual: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    /// Pixels in a row of `out`.
    pub(super) row: usize,
    /// Values from a row of `out` to the next.
    pub(super) out_stride: usize,
}

impl WithSimd for Run<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for panel in &self.op.panels {
            if widest::<S>() == 4 {
                match panel.vectors {
                    1 => self.panel::<S, 1, 12>(simd, panel),
                    2 => self.panel::<S, 2, 12>(simd, panel),
                    3 => self.panel::<S, 3, 8>(simd, panel),
                    _ => self.panel::<S, 4, 6>(simd, panel),
                }
            } else if widest::<S>() == 2 {
                match panel.vectors {
                    1 => self.panel::<S, 1, 8>(simd, panel),
                    _ => self.panel::<S, 2, 6>(simd, panel),
                }
            } else {
                self.panel::<S, 1, 6>(simd, panel);
            }
        }
    }
}

impl Run<'_> {
    #[inline(always)]
    fn panel<S: Simd, const NV: usize, const MR: usize>(&mut self, simd: S, panel: &Panel) {
        for row in 0..self.windows.height {
            let x = &self.x[row * self.windows.row_stride..];
            let first = row * self.windows.width;
            let mut column = 0;
            while column + MR <= self.windows.width {
                self.tile::<S, NV, MR>(simd, panel, x, first, column);
                column += MR;
            }
            while column + 4 <= self.windows.width {
                self.tile::<S, NV, 4>(simd, panel, x, first, column);
                column += 4;
            }
            while column < self.windows.width {
                self.tile::<S, NV, 1>(simd, panel, x, first, column);
                column += 1;
            }
        }
    }

    /// Computes `MR` pixels from `column` of the row of windows that begins at `x` and with pixel
    /// `first`.
    #[inline(always)]
    fn tile<S: Simd, const NV: usize, const MR: usize>(
        &mut self,
        simd: S,
        panel: &Panel,
        x: &[f32],
        first: usize,
        column: usize,
    ) {
        let Self { op, windows, .. } = *self;
        let Windows { pixel_stride, segments, segment_stride, .. } = windows;
        let width = NV * S::F32_LANES;
        let weights = S::as_simd_f32s(&op.weights[panel.offset..][..op.inputs * width]).0;
        let bias = S::as_simd_f32s(&op.bias[panel.first_output..][..width]).0;
        let length = op.inputs / segments;
        let reach = (MR - 1) * pixel_stride + (segments - 1) * segment_stride + length;
        let x = &x[column * pixel_stride..][..reach];

        let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
        for row in &mut sums {
            row.copy_from_slice(&bias[..NV]);
        }
        for segment in 0..segments {
            for j in 0..length {
                let k = segment * length + j;
                // SAFETY: `weights` has `inputs * NV` vectors, since a panel's width is a whole
                // number of them, and `k < segments * length = inputs`. `x` has been cut to
                // `reach` values: up to the last of the last segment of pixel `MR - 1`. `reach`
                // cannot have overflowed: `Conv::run` has worked out a larger one with checks.
                unsafe {
                    let weight: [S::f32s; NV] =
                        std::array::from_fn(|v| *weights.get_unchecked(k * NV + v));
                    for (i, row) in sums.iter_mut().enumerate() {
                        let at = i * pixel_stride + segment * segment_stride + j;
                        let value = simd.splat_f32s(*x.get_unchecked(at));
                        for (sum, weight) in row.iter_mut().zip(weight) {
                            *sum = mul_add(simd, value, weight, *sum);
                        }
                    }
                }
            }
        }

        let (min, max) = (simd.splat_f32s(op.clamp.min), simd.splat_f32s(op.clamp.max));
        let used = width.min(op.outputs - panel.first_output);
        let pixel = first + column;
        let (mut row, mut column) = (pixel / self.row, pixel % self.row);
        for (i, sums) in sums.into_iter().enumerate() {
            let at = row * self.out_stride + column * op.outputs + panel.first_output;
            let out = &mut self.out[at..][..used];
            let residual =
                self.residual.map(|r| &r[(pixel + i) * op.outputs + panel.first_output..][..used]);
            for (j, mut sum) in sums.into_iter().enumerate() {
                let lane = j * S::F32_LANES;
                if let Some(residual) = residual {
                    sum = simd.add_f32s(sum, load(simd, &residual[lane..]));
                }
                store(simd, &mut out[lane..], clamp(simd, sum, min, max));
            }
            column += 1;
            if column == self.row {
                (row, column) = (row + 1, 0);
            }
        }
    }
}
