//! Coefficients to samples: the inverse DCT, at full size or for the means of neighbouring samples.
//!
//! The mean of two neighbouring samples of an eight-point DCT is a sample of a four-point one: frequency `k` is scaled
//! by `cos(k pi / 16)`, and frequency `8 - k` appears as `-k`. So a transform to half the size *folds* its upper
//! frequencies onto the lower ones, and one to a quarter folds twice. The result is exactly the average of the full
//! transform; libjpeg's reduced sizes are the same. The full transform is that of Arai, Agui and Nakajima (1988),
//! which also requires frequency `k` to be multiplied by `cos(k pi / 16)`.
//!
//! Each vector holds the same coefficient of neighbouring blocks, so nothing is transposed.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::f64::consts::PI;

/// Blocks in a [`Tile`]: enough for loops over them to be vectorised instead of unrolled.
pub(crate) const LANES: usize = 32;

/// The coefficients of neighbouring blocks, in row-major order of increasing frequency.
pub(crate) type Tile = [[i16; LANES]; 64];

/// One block of a tile.
pub(crate) struct Block<'a> {
    pub(crate) tile: &'a mut Tile,
    pub(crate) lane: usize,
    /// One bit per coefficient, in coding order: whether it is nonzero. Maintained where scans refine, so that
    /// refining visits only nonzero coefficients.
    pub(crate) coded: &'a mut u64,
}

impl Block<'_> {
    /// The coefficient at index 0 to 63 in row-major order.
    #[inline(always)]
    pub(crate) fn at(&mut self, place: u8) -> &mut i16 {
        &mut self.tile[usize::from(place) % 64][self.lane % LANES]
    }

    /// Sets coefficient `k`, 0 to 63 in coding order.
    #[inline(always)]
    pub(crate) fn set(&mut self, k: usize, value: i16) {
        *self.at(ZIGZAG[k]) = value;
        *self.coded = *self.coded & !(1 << k) | u64::from(value != 0) << k;
    }

    /// The next nonzero coefficient among `first` to `last`.
    #[inline(always)]
    pub(crate) fn next_coded(&self, first: usize, last: usize) -> Option<usize> {
        let ahead = self.coded.unbounded_shr(first as u32);
        let next = first + ahead.trailing_zeros() as usize;
        (next <= last).then_some(next)
    }
}

/// The row-major index of each coefficient in coding order (T.81, figure 5).
pub(crate) const ZIGZAG: [u8; 64] = zigzag();

const fn zigzag() -> [u8; 64] {
    let mut places = [0; 64];
    let (mut x, mut y, mut k) = (0_u8, 0_u8, 0);
    while k < 64 {
        places[k] = y * 8 + x;
        let up = (x + y) % 2 == 0;
        match (up, x, y) {
            (true, 7, _) => y += 1,
            (true, _, 0) => x += 1,
            (true, _, _) => (x, y) = (x + 1, y - 1),
            (false, _, 7) => x += 1,
            (false, 0, _) => y += 1,
            (false, _, _) => (x, y) = (x - 1, y + 1),
        }
        k += 1;
    }
    places
}

/// The transform of a component's blocks to samples.
pub(crate) struct Transform {
    /// The factor of each coefficient.
    scale: [f32; 64],
    /// A tile after the transform of its columns.
    half: Box<[[f32; LANES]; 64]>,
}

impl Transform {
    /// Builds the transform from a quantisation table in row-major order.
    pub(crate) fn new(quantisation: &[u16; 64]) -> Self {
        let weights: [f64; 8] = std::array::from_fn(|k| match k {
            0 => 0.125_f64.sqrt(),
            _ => 0.5 * (k as f64 * PI / 16.0).cos(),
        });
        let scale = |i: usize| f64::from(quantisation[i]) * weights[i / 8] * weights[i % 8];
        Self { scale: std::array::from_fn(|i| scale(i) as f32), half: Box::new([[0.0; LANES]; 64]) }
    }

    /// The mean of a block with this first coefficient.
    #[inline(always)]
    pub(crate) fn mean(&self, dc: i16) -> u8 {
        to_sample(f32::from(dc) * self.scale[0])
    }

    /// Writes `size` samples of each block, horizontally and vertically, in lines `stride` apart.
    #[inline(always)]
    pub(crate) fn apply(
        &mut self,
        tile: &Tile,
        size: (usize, usize),
        out: &mut [u8],
        stride: usize,
    ) {
        match size.1 {
            1 => self.down::<1>(tile),
            2 => self.down::<2>(tile),
            4 => self.down::<4>(tile),
            _ => self.down::<8>(tile),
        }
        for (half, out) in self.half.as_chunks().0.iter().zip(out.chunks_mut(stride)).take(size.1) {
            match size.0 {
                1 => across::<1>(half, out),
                2 => across::<2>(half, out),
                4 => across::<4>(half, out),
                _ => across::<8>(half, out),
            }
        }
    }

    // Compilers vectorise loops over lane indices.
    #[allow(clippy::needless_range_loop)]
    #[inline(always)]
    fn down<const N: usize>(&mut self, tile: &Tile) {
        for x in 0..8 {
            for lane in 0..LANES {
                let f = |k: usize| f32::from(tile[k * 8 + x][lane]) * self.scale[k * 8 + x];
                let points = points::<N>([f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)]);
                for y in 0..N {
                    self.half[y * 8 + x][lane] = points[y];
                }
            }
        }
    }
}

#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn across<const N: usize>(half: &[[f32; LANES]; 8], out: &mut [u8]) {
    let out: &mut [[u8; N]; LANES] =
        out.as_chunks_mut().0.first_chunk_mut().expect("a line holds whole tiles");
    for lane in 0..LANES {
        let f = |k: usize| half[k][lane];
        let points = points::<N>([f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)]);
        for x in 0..N {
            out[lane][x] = to_sample(points[x]);
        }
    }
}

/// Shifts to 0 to 255 and rounds to nearest.
#[inline(always)]
fn to_sample(x: f32) -> u8 {
    // Adding 1.5 * 2^23 leaves the integer in the low bits.
    ((x + 128.0).clamp(0.0, 255.0) + 12_582_912.0).to_bits() as u8
}

/// Transforms eight frequencies to `N` samples, each the mean of `8 / N` neighbouring ones.
#[inline(always)]
fn points<const N: usize>(f: [f32; 8]) -> [f32; 8] {
    match N {
        1 => [f[0], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        2 => two(f),
        4 => four(f),
        _ => eight(f),
    }
}

/// `cos(pi / 8)` and `sin(pi / 8)`, which is `cos(3 pi / 8)`.
const COS: f32 = 0.923_879_5;
const SIN: f32 = 0.382_683_43;

#[inline(always)]
fn two(f: [f32; 8]) -> [f32; 8] {
    let odd = ((f[1] - f[7]) * COS - (f[3] - f[5]) * SIN) * FRAC_1_SQRT_2;
    [f[0] + odd, f[0] - odd, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
}

#[inline(always)]
fn four(f: [f32; 8]) -> [f32; 8] {
    let (one, two, three) = (f[1] - f[7], (f[2] - f[6]) * FRAC_1_SQRT_2, f[3] - f[5]);
    let (even0, even1) = (f[0] + two, f[0] - two);
    let (odd0, odd1) = (one * COS + three * SIN, one * SIN - three * COS);
    [even0 + odd0, even1 + odd1, even1 - odd1, even0 - odd0, 0.0, 0.0, 0.0, 0.0]
}

#[inline(always)]
fn eight(f: [f32; 8]) -> [f32; 8] {
    let (sum, difference) = (f[0] + f[4], f[0] - f[4]);
    let outer = f[2] + f[6];
    let inner = (f[2] - f[6]) * SQRT_2 - outer;
    let (even0, even1) = (sum + outer, difference + inner);
    let (even2, even3) = (difference - inner, sum - outer);

    let (a, b, c, d) = (f[5] + f[3], f[5] - f[3], f[1] + f[7], f[1] - f[7]);
    let turn = (b + d) * (2.0 * COS);
    let odd0 = c + a;
    let odd1 = turn - b * (2.0 * (COS + SIN)) - odd0;
    let odd2 = (c - a) * SQRT_2 - odd1;
    let odd3 = turn - d * (2.0 * (COS - SIN)) - odd2;
    [
        even0 + odd0,
        even1 + odd1,
        even2 + odd2,
        even3 + odd3,
        even3 - odd3,
        even2 - odd2,
        even1 - odd1,
        even0 - odd0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample at `x`, `y` of a block (T.81, A.3.3), not clamped.
    fn sample(coefficient: impl Fn(usize) -> f64, x: usize, y: usize) -> f64 {
        let cosine = |k: usize, n: usize| {
            let norm = if k == 0 { 0.125_f64.sqrt() } else { 0.5 };
            norm * ((2 * n + 1) as f64 * k as f64 * PI / 16.0).cos()
        };
        128.0 + (0..64).map(|i| coefficient(i) * cosine(i / 8, y) * cosine(i % 8, x)).sum::<f64>()
    }

    #[test]
    fn samples_are_the_inverse_dct_and_fewer_are_means_of_them() {
        let quantisation: [u16; 64] = std::array::from_fn(|i| 1 + i as u16 % 7);
        let mut transform = Transform::new(&quantisation);
        let mut tile = [[0; LANES]; 64];
        // The coefficients are small enough that no sample leaves 0 to 255: no lane has more than 8 of them.
        for (i, lanes) in tile.iter_mut().enumerate() {
            for (lane, coefficient) in lanes.iter_mut().enumerate() {
                if (i * 5 + lane * 3) % 8 == 0 {
                    *coefficient = ((i * 31 + lane * 17) % 19) as i16 - 9;
                }
            }
        }
        for (width, height) in [1, 2, 4, 8].into_iter().flat_map(|w| [1, 2, 4, 8].map(|h| (w, h))) {
            let stride = LANES * width + 5;
            let mut out = vec![0; stride * height];
            transform.apply(&tile, (width, height), &mut out, stride);
            for (lane, y, x) in (0..LANES)
                .flat_map(|l| (0..height).flat_map(move |y| (0..width).map(move |x| (l, y, x))))
            {
                let coefficient = |i: usize| f64::from(tile[i][lane]) * f64::from(quantisation[i]);
                let (across, down) = (8 / width, 8 / height);
                let of =
                    (0..across * down).map(|i| (x * across + i % across, y * down + i / across));
                let mean = of.map(|(x, y)| sample(coefficient, x, y)).sum::<f64>()
                    / (across * down) as f64;
                let found = out[y * stride + lane * width + x];
                assert!(
                    (f64::from(found) - mean).abs() < 0.51,
                    "{width} x {height}, lane {lane} at {x}, {y}: {found}, not {mean}"
                );
                if (width, height) == (1, 1) {
                    assert_eq!(transform.mean(tile[0][lane]), found);
                }
            }
        }
    }

    #[test]
    fn samples_end_at_0_and_255() {
        let mut transform = Transform::new(&[255; 64]);
        for (dc, expected) in [(i16::MAX, 255), (i16::MIN, 0)] {
            let mut tile = [[0; LANES]; 64];
            tile[0] = [dc; LANES];
            let mut out = [7; LANES * 8 * 8];
            transform.apply(&tile, (8, 8), &mut out, LANES * 8);
            assert_eq!(out, [expected; LANES * 8 * 8]);
            assert_eq!(transform.mean(dc), expected);
        }
    }

    #[test]
    fn coefficients_are_coded_along_diagonals() {
        assert_eq!(ZIGZAG[..10], [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]);
        assert_eq!(ZIGZAG[58..], [61, 54, 47, 55, 62, 63]);
        let mut all = ZIGZAG;
        all.sort_unstable();
        assert!(all.iter().enumerate().all(|(i, &place)| i == usize::from(place)));
    }
}
