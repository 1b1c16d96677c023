//! The transformations of kernels, inputs and outputs.
//!
//! The matrices follow from the points 0, ±`P`, ±`Q` and infinity by Toom and Cook's construction. With `Q` = 2`P` and these
//! values, rounding errors are half as large as with the usual ±1 and ±2.

use pulp::{Simd, WithSimd};

use crate::Clamp;
use crate::simd::{clamp, load, mul_add, store};

/// Side of a tile of outputs.
pub(super) const OUT: usize = 4;
/// Side of a tile of inputs.
pub(super) const IN: usize = 6;

const P: f32 = 11.0 / 16.0;
const Q: f32 = 11.0 / 8.0;
/// Their squares.
const PP: f32 = P * P;
const QQ: f32 = Q * Q;

/// The value in row `row` and column `column` of `G g G^T`, for every pair of channels of a kernel with `[3][3]` planes.
pub(super) fn kernel((row, column): (usize, usize), kernel: &[f32]) -> Vec<f32> {
    let (of_row, of_column) = (kernel_row(row), kernel_row(column));
    let factor: [f64; 9] = std::array::from_fn(|tap| of_row[tap / 3] * of_column[tap % 3]);
    let len = kernel.len() / 9;
    let planes: [&[f32]; 9] = std::array::from_fn(|tap| &kernel[tap * len..][..len]);
    let value = |at: usize| (0..9).map(|tap| factor[tap] * f64::from(planes[tap][at])).sum::<f64>();
    (0..len).map(|at| value(at) as f32).collect()
}

/// A row of `G`: the powers of a point over the product of its distances to the other points.
fn kernel_row(row: usize) -> [f64; 3] {
    let (p, q) = (f64::from(P), f64::from(Q));
    let (pp, qq) = (p * p, q * q);
    let of_point = |x: f64, distances: f64| [1.0 / distances, x / distances, x * x / distances];
    let (from_p, from_q) = (2.0 * pp * (pp - qq), 2.0 * qq * (qq - pp));
    match row {
        0 => of_point(0.0, pp * qq),
        1 => of_point(p, from_p),
        2 => of_point(-p, from_p),
        3 => of_point(q, from_q),
        4 => of_point(-q, from_q),
        // Infinity.
        _ => [0.0, 0.0, 1.0],
    }
}

/// `B^T d` for a column `d`.
#[inline(always)]
fn input<S: Simd>(simd: S, d: [S::f32s; IN]) -> [S::f32s; IN] {
    let [p, q, pp, qq] = [P, Q, PP, QQ].map(|x| simd.splat_f32s(x));
    let [minus_p, minus_q, minus_pp, minus_qq] = [p, q, pp, qq].map(|x| simd.neg_f32s(x));
    // x^2 - Q^2 and x^2 - P^2, applied to the even and to the odd values.
    let (even_q, odd_q) =
        (mul_add(simd, d[2], minus_qq, d[4]), mul_add(simd, d[1], minus_qq, d[3]));
    let (even_p, odd_p) =
        (mul_add(simd, d[2], minus_pp, d[4]), mul_add(simd, d[1], minus_pp, d[3]));
    // (x^2 - P^2)(x^2 - Q^2)
    let last = mul_add(simd, d[3], minus_pp, d[5]);
    let inner = mul_add(simd, d[0], minus_pp, d[2]);
    [
        mul_add(simd, inner, minus_qq, even_p),
        mul_add(simd, odd_q, p, even_q),
        mul_add(simd, odd_q, minus_p, even_q),
        mul_add(simd, odd_p, q, even_p),
        mul_add(simd, odd_p, minus_q, even_p),
        mul_add(simd, odd_p, minus_qq, last),
    ]
}

/// The sum of two vectors with weights.
#[inline(always)]
fn weighted<S: Simd>(simd: S, (p, a): (f32, S::f32s), (q, b): (f32, S::f32s)) -> S::f32s {
    let a = simd.mul_f32s(a, simd.splat_f32s(p));
    mul_add(simd, b, simd.splat_f32s(q), a)
}

/// `A^T m` for a column `m`.
#[inline(always)]
fn output<S: Simd>(simd: S, m: [S::f32s; IN]) -> [S::f32s; OUT] {
    let (sum_p, sum_q) = (simd.add_f32s(m[1], m[2]), simd.add_f32s(m[3], m[4]));
    let (difference_p, difference_q) = (simd.sub_f32s(m[1], m[2]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(sum_p, sum_q)),
        weighted(simd, (P, difference_p), (Q, difference_q)),
        weighted(simd, (PP, sum_p), (QQ, sum_q)),
        simd.add_f32s(m[5], weighted(simd, (PP * P, difference_p), (QQ * Q, difference_q))),
    ]
}

/// A tile of vectors that do not cross cache lines; pulp's are aligned like their values.
#[repr(align(64))]
struct Tile<V>([[V; IN]; IN]);

/// The first vector of `from`, of which only `used` lanes exist unless it is `FULL`.
#[inline(always)]
fn read<S: Simd, const FULL: bool>(simd: S, from: &[f32], used: usize) -> S::f32s {
    if FULL { S::as_simd_f32s(&from[..S::F32_LANES]).0[0] } else { load(simd, &from[..used]) }
}

/// The counterpart of [`read`].
#[inline(always)]
fn write<S: Simd, const FULL: bool>(simd: S, to: &mut [f32], used: usize, value: S::f32s) {
    if FULL {
        S::as_mut_simd_f32s(&mut to[..S::F32_LANES]).0[0] = value;
    } else {
        store(simd, &mut to[..used], value);
    }
}

/// Writes `B^T d B` of every tile.
pub(super) struct Input<'a> {
    /// `[tiles.0 * 4 + 2][columns][channels]`.
    pub(super) x: &'a [f32],
    pub(super) columns: usize,
    pub(super) channels: usize,
    pub(super) tiles: (usize, usize),
    /// `[36][tiles][channels]`, `stride` values apart.
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
}

impl WithSimd for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for tile in 0..self.tiles.0 * self.tiles.1 {
            for channel in (0..self.channels).step_by(S::F32_LANES) {
                let used = S::F32_LANES.min(self.channels - channel);
                if used == S::F32_LANES {
                    self.tile::<S, true>(simd, tile, channel, used);
                } else {
                    self.tile::<S, false>(simd, tile, channel, used);
                }
            }
        }
    }
}

impl Input<'_> {
    #[inline(always)]
    fn tile<S: Simd, const FULL: bool>(
        &mut self,
        simd: S,
        tile: usize,
        channel: usize,
        used: usize,
    ) {
        let row = self.columns * self.channels;
        let (y, x) = (tile / self.tiles.1 * OUT, tile % self.tiles.1 * OUT);
        let from = &self.x[y * row + x * self.channels + channel..];
        let mut values = Tile([[simd.splat_f32s(0.0); IN]; IN]);
        for (i, values) in values.0.iter_mut().enumerate() {
            let mut d = [simd.splat_f32s(0.0); IN];
            for (j, d) in d.iter_mut().enumerate() {
                *d = read::<S, FULL>(simd, &from[i * row + j * self.channels..], used);
            }
            *values = input(simd, d);
        }
        let to = &mut self.out[tile * self.channels + channel..];
        for j in 0..IN {
            let [a, b, c, d, e, f] = &values.0;
            let column = input(simd, [a[j], b[j], c[j], d[j], e[j], f[j]]);
            for (i, value) in column.into_iter().enumerate() {
                write::<S, FULL>(simd, &mut to[(i * IN + j) * self.stride..], used, value);
            }
        }
    }
}

/// Writes `A^T m A`, with bias, residual and clamp, of every tile.
pub(super) struct Output<'a> {
    /// `[36][tiles][channels]`, `stride` values apart.
    pub(super) sums: &'a [f32],
    pub(super) stride: usize,
    pub(super) tiles: (usize, usize),
    /// Rows and columns of the output; the last tiles may reach beyond.
    pub(super) size: (usize, usize),
    /// Of each channel.
    pub(super) bias: &'a [f32],
    pub(super) clamp: Clamp,
    /// Both start at the first channel of the first pixel.
    pub(super) residual: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    /// Strides between rows and between pixels of the output.
    pub(super) strides: (usize, usize),
}

impl WithSimd for Output<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let channels = self.bias.len();
        for tile in 0..self.tiles.0 * self.tiles.1 {
            for channel in (0..channels).step_by(S::F32_LANES) {
                let used = S::F32_LANES.min(channels - channel);
                if used == S::F32_LANES {
                    self.tile::<S, true>(simd, tile, channel, used);
                } else {
                    self.tile::<S, false>(simd, tile, channel, used);
                }
            }
        }
    }
}

impl Output<'_> {
    #[inline(always)]
    fn tile<S: Simd, const FULL: bool>(
        &mut self,
        simd: S,
        tile: usize,
        channel: usize,
        used: usize,
    ) {
        let from = &self.sums[tile * self.bias.len() + channel..];
        let mut values = Tile([[simd.splat_f32s(0.0); IN]; IN]);
        for (i, values) in values.0.iter_mut().enumerate() {
            let mut m = [simd.splat_f32s(0.0); IN];
            for (j, m) in m.iter_mut().enumerate() {
                *m = read::<S, FULL>(simd, &from[(i * IN + j) * self.stride..], used);
            }
            values[..OUT].copy_from_slice(&output(simd, m));
        }
        let bias = read::<S, FULL>(simd, &self.bias[channel..], used);
        let (min, max) = (simd.splat_f32s(self.clamp.min), simd.splat_f32s(self.clamp.max));
        let (y, x) = (tile / self.tiles.1 * OUT, tile % self.tiles.1 * OUT);
        let (rows, columns) = (OUT.min(self.size.0 - y), OUT.min(self.size.1 - x));
        for j in 0..columns {
            let [a, b, c, d, e, f] = &values.0;
            let column = output(simd, [a[j], b[j], c[j], d[j], e[j], f[j]]);
            for (i, value) in column.into_iter().enumerate().take(rows) {
                let at = (y + i) * self.strides.0 + (x + j) * self.strides.1 + channel;
                let mut value = simd.add_f32s(value, bias);
                if let Some(residual) = self.residual {
                    value = simd.add_f32s(value, read::<S, FULL>(simd, &residual[at..], used));
                }
                let value = clamp(simd, value, min, max);
                write::<S, FULL>(simd, &mut self.out[at..], used, value);
            }
        }
    }
}
