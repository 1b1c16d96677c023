//! The gradient of a depthwise convolution's kernel and bias.
//!
//! `d_kernel[i][j][c] = sum_yx in[y * s + i][x * s + j][c] * d_out[y][x][c]`

use pulp::{Simd, WithSimd};

use crate::Isa;
use crate::extent::extent;
use crate::prefetch::fetch;
use crate::simd::{load, mul_add, store};

/// A map to read with strides: `[y][x][channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a> {
    /// Starts at the first value of the first pixel.
    pub values: &'a [f32],
    /// Stride between rows, in values.
    pub row_stride: usize,
    /// Stride between pixels, in values.
    pub pixel_stride: usize,
}

/// The arguments of [`KernelGradient::run`].
#[derive(Debug)]
pub struct KernelGradient<'a> {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// The padded input.
    pub x: Strided<'a>,
    /// The gradient of the output.
    pub d_out: Strided<'a>,
    /// Rows and columns of the output.
    pub size: (usize, usize),
    /// `[kernel][kernel][channels]`.
    pub d_kernel: &'a mut [f32],
    /// `[channels]`.
    pub d_bias: &'a mut [f32],
    /// Whether to add to the gradients or overwrite them.
    pub add: bool,
}

/// Bytes of input rows that are processed vector by vector of channels; they stay in L2.
const BAND: usize = 256 << 10;

impl KernelGradient<'_> {
    /// Adds the products of all pixels.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn run(self, isa: Isa) {
        if !self.add {
            self.d_kernel.fill(0.0);
            self.d_bias.fill(0.0);
        }
        let Self { kernel, stride, x, d_out, size: (height, width), .. } = &self;
        let channels = self.d_bias.len();
        assert!(*kernel > 0 && *stride > 0 && channels > 0);
        assert_eq!(self.d_kernel.len(), kernel * kernel * channels, "kernel and bias disagree");
        if height * width == 0 {
            return;
        }
        let under = |outputs| extent(&[(outputs, *stride)], *kernel);
        let reach = |map: &Strided<'_>, height, width| {
            extent(&[(height, map.row_stride), (width, map.pixel_stride)], channels)
        };
        assert!(x.values.len() >= reach(x, under(*height), under(*width)), "x is too short");
        assert!(d_out.values.len() >= reach(d_out, *height, *width), "d_out is too short");
        isa.run(self);
    }
}

impl WithSimd for KernelGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = BAND / (self.x.row_stride * self.stride * size_of::<f32>()).max(1);
        let height = self.size.0;
        for first in (0..height).step_by(rows.max(1)) {
            let rows = first..(first + rows.max(1)).min(height);
            let Strided { values, row_stride, .. } = self.x;
            let under = [rows.start * self.stride, rows.end * self.stride];
            let [start, end] = under.map(|row| (row * row_stride).min(values.len()));
            fetch(&values[start..end]);
            for channel in (0..self.d_bias.len()).step_by(S::F32_LANES) {
                let lanes = S::F32_LANES.min(self.d_bias.len() - channel);
                match self.kernel {
                    3 if lanes == S::F32_LANES => {
                        simd.vectorize(Taps::<3, 3> { op: &mut self, rows: rows.clone(), channel });
                    }
                    5 if lanes == S::F32_LANES => {
                        simd.vectorize(Taps::<5, 1> { op: &mut self, rows: rows.clone(), channel });
                    }
                    _ => self.any(simd, rows.clone(), channel, lanes),
                }
            }
        }
    }
}

impl KernelGradient<'_> {
    /// Any kernel, and partial vectors of channels.
    #[inline(always)]
    fn any<S: Simd>(
        &mut self,
        simd: S,
        rows: std::ops::Range<usize>,
        channel: usize,
        lanes: usize,
    ) {
        let channels = self.d_bias.len();
        let pixel = |y: usize, x: usize| y * self.d_out.row_stride + x * self.d_out.pixel_stride;
        for tap in 0..self.kernel * self.kernel {
            let (i, j) = (tap / self.kernel, tap % self.kernel);
            let to = &mut self.d_kernel[tap * channels + channel..][..lanes];
            let mut sum = load(simd, to);
            for y in rows.clone() {
                for x in 0..self.size.1 {
                    let at = (y * self.stride + i) * self.x.row_stride
                        + (x * self.stride + j) * self.x.pixel_stride;
                    let value = load(simd, &self.x.values[at + channel..][..lanes]);
                    let d = load(simd, &self.d_out.values[pixel(y, x) + channel..][..lanes]);
                    sum = mul_add(simd, value, d, sum);
                }
            }
            store(simd, to, sum);
        }
        let to = &mut self.d_bias[channel..][..lanes];
        let mut sum = load(simd, to);
        for y in rows {
            for x in 0..self.size.1 {
                let d = load(simd, &self.d_out.values[pixel(y, x) + channel..][..lanes]);
                sum = simd.add_f32s(sum, d);
            }
        }
        store(simd, to, sum);
    }
}

/// A full vector of channels, for `ROWS` rows of a kernel of side `K` at a time, whose sums stay in registers.
struct Taps<'t, 'a, const K: usize, const ROWS: usize> {
    op: &'t mut KernelGradient<'a>,
    rows: std::ops::Range<usize>,
    channel: usize,
}

// The compiler unrolls index loops completely, so that sums stay in registers.
#[allow(clippy::needless_range_loop)]
impl<const K: usize, const ROWS: usize> WithSimd for Taps<'_, '_, K, ROWS> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { op, rows, channel } = self;
        let KernelGradient { stride, x: map, d_out, size: (_, width), .. } = *op;
        let channels = op.d_bias.len();
        assert!(op.kernel == K && K.is_multiple_of(ROWS) && channel + S::F32_LANES <= channels);
        for i0 in (0..K).step_by(ROWS) {
            let mut sums = [[simd.splat_f32s(0.0); K]; ROWS];
            for i in 0..ROWS {
                for j in 0..K {
                    sums[i][j] =
                        load(simd, &op.d_kernel[((i0 + i) * K + j) * channels + channel..]);
                }
            }
            let mut bias = load(simd, &op.d_bias[channel..]);
            for y in rows.clone() {
                let from = (y * stride + i0) * map.row_stride + channel;
                let at = y * d_out.row_stride + channel;
                // SAFETY: `run` has checked that the maps have `channels` values at each pixel of these rows and of the
                // input rows they read, and the vector ends before `channels`.
                unsafe {
                    let mut x = map.values.as_ptr().add(from);
                    let mut d = d_out.values.as_ptr().add(at);
                    for _ in 0..width {
                        let value = d.cast::<S::f32s>().read_unaligned();
                        if i0 == 0 {
                            bias = simd.add_f32s(bias, value);
                        }
                        for i in 0..ROWS {
                            for j in 0..K {
                                let at = i * map.row_stride + j * map.pixel_stride;
                                let x = x.add(at).cast::<S::f32s>().read_unaligned();
                                sums[i][j] = mul_add(simd, x, value, sums[i][j]);
                            }
                        }
                        x = x.wrapping_add(stride * map.pixel_stride);
                        d = d.wrapping_add(d_out.pixel_stride);
                    }
                }
            }
            for i in 0..ROWS {
                for j in 0..K {
                    let to = ((i0 + i) * K + j) * channels + channel;
                    store(simd, &mut op.d_kernel[to..], sums[i][j]);
                }
            }
            store(simd, &mut op.d_bias[channel..], bias);
        }
    }
}
