//! The gradient of a depthwise convolution's input.
//!
//! `d_x[y][x][c] = sum_ij d_out[(y - i) / s][(x - j) / s][c] * kernel[i][j][c]` over the taps for which both quotients
//! are integers.
//!
//! Pixels whose rows and columns are congruent modulo the stride share the same taps, a smaller kernel, and are
//! processed together.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Depthwise, Strided};
use crate::Clamp;
use crate::extent::extent;
use crate::simd::{load, mul_add, store};

/// The arguments of [`Depthwise::input_gradient`].
#[derive(Debug)]
pub struct InputGradient<'a> {
    /// The gradient of the output, padded with zeros on all sides. Pixels are padded to whole vectors.
    pub d_out: Strided<'a>,
    /// Rows and columns of zeros before the gradient: see [`zeros_around`].
    pub zeros: (usize, usize),
    /// Rows of the padded input.
    pub rows: Range<usize>,
    /// Columns of the padded input.
    pub columns: Range<usize>,
    /// If the input was clamped, the gate for the gradient: it propagates to the input of the clamp.
    pub gate: Option<Gate<'a>>,
    /// The gradient of these rows and columns.
    pub d_x: StridedMut<'a>,
}

/// A map to write with strides: `[y][x][channels]`.
#[derive(Debug)]
pub struct StridedMut<'a> {
    /// Starts at the first value of the first pixel.
    pub values: &'a mut [f32],
    /// Stride between rows, in values.
    pub row_stride: usize,
    /// Stride between pixels, in values.
    pub pixel_stride: usize,
}

/// A clamp and its output: gradients pass where the output is strictly between the limits.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// Pixels are padded to whole vectors.
    pub y: Strided<'a>,
    /// The limits.
    pub clamp: Clamp,
}

/// Numbers of zeros that [`InputGradient`] reads before and after the gradient of `outputs` rows or columns, for this
/// range of rows or columns of the padded input.
pub fn zeros_around(
    (kernel, stride): (usize, usize),
    inputs: Range<usize>,
    outputs: usize,
) -> (usize, usize) {
    let before = |at: usize| match (kernel - 1).checked_sub(at % stride) {
        Some(last) => (last / stride).saturating_sub(at / stride),
        None => 0,
    };
    let end = inputs.end.div_ceil(stride);
    (inputs.take(stride).map(before).max().unwrap_or(0), end.saturating_sub(outputs))
}

impl Depthwise {
    /// Computes rows of the input's gradient, regardless of the bias and the activation.
    ///
    /// # Panics
    /// When a slice is too short, or there are too few zeros.
    pub fn input_gradient(&self, run: InputGradient<'_>) {
        let InputGradient { d_out, zeros, rows, columns, gate, d_x } = &run;
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        for (inputs, zeros) in [(rows, zeros.0), (columns, zeros.1)] {
            let (before, _) = zeros_around((self.kernel, self.stride), inputs.clone(), 0);
            assert!(before <= zeros, "fewer zeros before the gradient than are read");
        }
        let padded = self.channels.next_multiple_of(self.isa.lanes());
        let reach = |(y, x): (usize, usize), (row, pixel): (usize, usize), channels| {
            extent(&[(y, row), (x, pixel)], channels)
        };
        let read = ((rows.end - 1) / self.stride + 1, (columns.end - 1) / self.stride + 1);
        let read = (read.0 + zeros.0, read.1 + zeros.1);
        let end = reach(read, (d_out.row_stride, d_out.pixel_stride), padded);
        assert!(d_out.values.len() >= end, "d_out is too short");
        let size = (rows.len(), columns.len());
        if let Some(Gate { y, .. }) = gate {
            let end = reach(size, (y.row_stride, y.pixel_stride), padded);
            assert!(y.values.len() >= end, "the clamped input is too short");
        }
        let end = reach(size, (d_x.row_stride, d_x.pixel_stride), self.channels);
        assert!(d_x.values.len() >= end, "d_x is too short");
        self.isa.run(Job { op: self, run });
    }
}

/// A job checked by [`Depthwise::input_gradient`]: every tap of these pixels falls into the output's gradient or the
/// zeros around it; the pixels of `d_out` and of the gate consist of whole vectors, and every pixel of `d_x` contains
/// its channels.
struct Job<'a> {
    op: &'a Depthwise,
    run: InputGradient<'a>,
}

/// Rows or columns that are congruent modulo the stride.
#[derive(Clone, Copy)]
struct Phase {
    /// The first of them.
    first: usize,
    count: usize,
    /// The first tap; the others are a stride apart.
    tap: usize,
    taps: usize,
    /// The output under the first tap of the first of them, counting the zeros before it.
    output: usize,
}

impl Phase {
    fn new(inputs: &Range<usize>, zeros: usize, skip: usize, op: &Depthwise) -> Self {
        let first = inputs.start + skip;
        let tap = first % op.stride;
        Self {
            first: skip,
            count: inputs.end.saturating_sub(first).div_ceil(op.stride),
            tap,
            taps: op.kernel.saturating_sub(tap).div_ceil(op.stride),
            output: first / op.stride + zeros,
        }
    }
}

impl WithSimd for Job<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let InputGradient { rows, columns, zeros, .. } = &self.run;
        let (rows, columns, zeros, stride) =
            (rows.clone(), columns.clone(), *zeros, self.op.stride);
        for channel in (0..self.op.channels).step_by(S::F32_LANES) {
            for skip in 0..stride * stride {
                let rows = Phase::new(&rows, zeros.0, skip / stride, self.op);
                let columns = Phase::new(&columns, zeros.1, skip % stride, self.op);
                let phases = Phases { rows, columns, channel };
                match (rows.taps, columns.taps) {
                    (1, 1) => self.taps::<S, 1, 1>(simd, phases),
                    (1, 2) => self.taps::<S, 1, 2>(simd, phases),
                    (2, 1) => self.taps::<S, 2, 1>(simd, phases),
                    (2, 2) => self.taps::<S, 2, 2>(simd, phases),
                    (2, 3) => self.taps::<S, 2, 3>(simd, phases),
                    (3, 2) => self.taps::<S, 3, 2>(simd, phases),
                    (3, 3) => self.taps::<S, 3, 3>(simd, phases),
                    (5, 5) => self.taps::<S, 5, 5>(simd, phases),
                    _ => self.any(simd, phases),
                }
            }
        }
    }
}

/// The pixels of one phase of rows and one of columns, for a vector of channels.
#[derive(Clone, Copy)]
struct Phases {
    rows: Phase,
    columns: Phase,
    channel: usize,
}

impl Job<'_> {
    /// A constant number of taps lets their weights stay in registers.
    #[inline(always)]
    fn taps<S: Simd, const I: usize, const J: usize>(&mut self, simd: S, phases: Phases) {
        if self.run.gate.is_some() {
            simd.vectorize(Taps::<I, J, true> { job: self, phases });
        } else {
            simd.vectorize(Taps::<I, J, false> { job: self, phases });
        }
    }

    /// Any kernel and stride.
    #[inline(always)]
    fn any<S: Simd>(&mut self, simd: S, Phases { rows, columns, channel }: Phases) {
        let Self { op, run: InputGradient { d_out, gate, d_x, .. } } = self;
        let lanes = S::F32_LANES.min(op.channels - channel);
        let weights = packed::<S>(op, channel);
        for (y, x) in (0..rows.count).flat_map(|y| (0..columns.count).map(move |x| (y, x))) {
            let mut sum = simd.splat_f32s(0.0);
            for (i, j) in (0..rows.taps).flat_map(|i| (0..columns.taps).map(move |j| (i, j))) {
                let tap = (rows.tap + i * op.stride) * op.kernel + columns.tap + j * op.stride;
                let (row, column) = (rows.output + y - i, columns.output + x - j);
                let at = row * d_out.row_stride + column * d_out.pixel_stride + channel;
                sum = mul_add(simd, load(simd, &d_out.values[at..]), weights[tap], sum);
            }
            let (y, x) = (rows.first + y * op.stride, columns.first + x * op.stride);
            if let Some(Gate { y: map, clamp }) = gate {
                let at = y * map.row_stride + x * map.pixel_stride + channel;
                sum = through(simd, *clamp, load(simd, &map.values[at..]), sum);
            }
            let at = y * d_x.row_stride + x * d_x.pixel_stride + channel;
            store(simd, &mut d_x.values[at..][..lanes], sum);
        }
    }
}

struct Taps<'j, 'a, const I: usize, const J: usize, const GATED: bool> {
    job: &'j mut Job<'a>,
    phases: Phases,
}

// The compiler unrolls index loops completely, so that weights stay in registers.
#[allow(clippy::needless_range_loop)]
impl<const I: usize, const J: usize, const GATED: bool> WithSimd for Taps<'_, '_, I, J, GATED> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { job: Job { op, run }, phases: Phases { rows, columns, channel } } = self;
        let InputGradient { d_out, gate, d_x, .. } = run;
        let (kernel, stride) = (op.kernel, op.stride);
        assert!(rows.taps == I && columns.taps == J);
        let taps = packed::<S>(op, channel);
        let mut weights = [[simd.splat_f32s(0.0); J]; I];
        for i in 0..I {
            for j in 0..J {
                weights[i][j] = taps[(rows.tap + i * stride) * kernel + columns.tap + j * stride];
            }
        }
        let lanes = S::F32_LANES.min(op.channels - channel);
        let mask = (lanes < S::F32_LANES).then(|| simd.mask_between_m32s(0, lanes as u32));
        let Gate { y: map, clamp } = gate.unwrap_or(Gate { y: *d_out, clamp: Clamp::NONE });
        for y in 0..rows.count {
            let row = (rows.output + y) * d_out.row_stride;
            let from = row + columns.output * d_out.pixel_stride + channel;
            let mut from = d_out.values.as_ptr().wrapping_add(from);
            let (y, x) = (rows.first + y * stride, columns.first);
            let at = y * map.row_stride + x * map.pixel_stride + channel;
            let mut clamped = map.values.as_ptr().wrapping_add(at);
            let at = y * d_x.row_stride + x * d_x.pixel_stride + channel;
            let mut to = d_x.values.as_mut_ptr().wrapping_add(at);
            for _ in 0..columns.count {
                // SAFETY: `input_gradient` has checked that the taps of every pixel are in `d_out`, and that this pixel
                // is in the other maps: in the gate's with a whole vector from `channel` on, in `d_x` with `lanes`
                // values, which are all lanes or those of the mask.
                unsafe {
                    let mut sum = simd.splat_f32s(0.0);
                    for i in 0..I {
                        for j in 0..J {
                            let back = i * d_out.row_stride + j * d_out.pixel_stride;
                            let d = from.sub(back).cast::<S::f32s>().read_unaligned();
                            sum = mul_add(simd, d, weights[i][j], sum);
                        }
                    }
                    if GATED {
                        let y = clamped.cast::<S::f32s>().read_unaligned();
                        sum = through(simd, clamp, y, sum);
                    }
                    match mask {
                        None => to.cast::<S::f32s>().write_unaligned(sum),
                        Some(mask) => simd.mask_store_ptr_f32s(mask, to, sum),
                    }
                }
                from = from.wrapping_add(d_out.pixel_stride);
                clamped = clamped.wrapping_add(stride * map.pixel_stride);
                to = to.wrapping_add(stride * d_x.pixel_stride);
            }
        }
    }
}

/// Returns `d` where the clamp's output `y` is strictly between its limits, otherwise 0.
#[inline(always)]
fn through<S: Simd>(simd: S, Clamp { min, max }: Clamp, y: S::f32s, d: S::f32s) -> S::f32s {
    let (min, max) = (simd.splat_f32s(min), simd.splat_f32s(max));
    let between = simd.and_m32s(simd.less_than_f32s(min, y), simd.less_than_f32s(y, max));
    simd.select_f32s(between, d, simd.splat_f32s(0.0))
}

/// The taps of the vector of channels that starts at `channel`.
#[inline(always)]
fn packed<S: Simd>(op: &Depthwise, channel: usize) -> &[S::f32s] {
    let taps = op.kernel * op.kernel;
    S::as_simd_f32s(&op.weights[channel * taps..][..S::F32_LANES * taps]).0
}
