//! The register tile: `MR` pixels by `NV` vectors of output channels.

use pulp::{Simd, WithSimd};

use super::{Panel, Pointwise, Rows};
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

/// Accumulators, one row of weights and a broadcast pixel must fit into the registers.
#[inline(always)]
fn widest<S: Simd>() -> usize {
    match S::REGISTER_COUNT {
        _ if is_portable::<S>() => 1,
        0..32 => 2,
        _ => 4,
    }
}

pub(super) struct Run<'a> {
    pub(super) op: &'a Pointwise,
    pub(super) x: &'a [f32],
    pub(super) residual: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    pub(super) rows: Rows,
    pub(super) pixels: usize,
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
        let mut pixel = 0;
        while pixel + MR <= self.pixels {
            self.tile::<S, NV, MR>(simd, panel, pixel);
            pixel += MR;
        }
        while pixel + 4 <= self.pixels {
            self.tile::<S, NV, 4>(simd, panel, pixel);
            pixel += 4;
        }
        while pixel < self.pixels {
            self.tile::<S, NV, 1>(simd, panel, pixel);
            pixel += 1;
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const NV: usize, const MR: usize>(
        &mut self,
        simd: S,
        panel: &Panel,
        pixel: usize,
    ) {
        let Self { op, x, rows, .. } = *self;
        let inputs = op.inputs;
        let width = NV * S::F32_LANES;
        let weights = S::as_simd_f32s(&op.weights[panel.offset..][..inputs * width]).0;
        let x = &x[pixel * inputs..][..MR * inputs];
        let bias = S::as_simd_f32s(&op.bias[panel.first_output..][..width]).0;

        let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
        for row in &mut sums {
            row.copy_from_slice(&bias[..NV]);
        }
        for k in 0..inputs {
            // SAFETY: `weights` has `inputs * NV` vectors, since a panel's width is a whole number
            // of them, and `x` has `MR * inputs` values; `k < inputs`, `i < MR`, `j < NV`.
            unsafe {
                let weight: [S::f32s; NV] =
                    std::array::from_fn(|j| *weights.get_unchecked(k * NV + j));
                for (i, row) in sums.iter_mut().enumerate() {
                    let value = simd.splat_f32s(*x.get_unchecked(i * inputs + k));
                    for (sum, weight) in row.iter_mut().zip(weight) {
                        *sum = mul_add(simd, value, weight, *sum);
                    }
                }
            }
        }

        let (min, max) = (simd.splat_f32s(op.clamp.min), simd.splat_f32s(op.clamp.max));
        let used = width.min(op.outputs - panel.first_output);
        let (mut row, mut column) = (pixel / rows.width, pixel % rows.width);
        for (i, sums) in sums.into_iter().enumerate() {
            let at = row * rows.stride + column * op.outputs + panel.first_output;
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
            if column == rows.width {
                (row, column) = (row + 1, 0);
            }
        }
    }
}
