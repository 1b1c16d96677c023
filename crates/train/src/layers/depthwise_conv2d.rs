use std::ops::Range;

use headstart_kernels::depthwise::{
    self, Depthwise, InputGradient, KernelGradient, Ring, Run, Strided, StridedMut,
};
use headstart_kernels::{Clamp, Isa};
use headstart_model::Margins;

use super::maps::{Before, Gate, Gradient, Maps, MapsMut, WeightGradients};
use crate::network::bands::Rows;
use crate::network::layout::Layout;

/// A depthwise convolution with bias: `y = clamp(conv(x, kernel) + bias)`.
///
/// Its input includes the zeros of its padding, and whole vectors of channels.
pub(crate) struct DepthwiseConv2D {
    isa: Isa,
    op: Depthwise,
}

/// Bytes that a band of rows reads, which stay in L1 from one vector of channels to the next.
const BAND: usize = 32 << 10;

impl DepthwiseConv2D {
    /// `kernel` is `[side][side][channels]`.
    pub(crate) fn new(
        isa: Isa,
        (side, stride): (usize, usize),
        (kernel, bias): (&[f32], &[f32]),
        clamp: Clamp,
    ) -> Self {
        Self { isa, op: Depthwise::new(isa, kernel, bias, side, stride, clamp) }
    }

    /// Replaces the weights by others of the same shape.
    pub(crate) fn load(&mut self, kernel: &[f32], bias: &[f32]) {
        self.op.load(kernel, bias);
    }

    /// The layout in which the gradient of an output `y` is read, including the zeros around it that the input's
    /// gradient needs.
    pub(crate) fn gradient_layout(
        window: (usize, usize),
        x: &Layout,
        y: &Layout,
        lanes: usize,
    ) -> Layout {
        let around = |size: usize, before: usize, outputs: usize| {
            depthwise::zeros_around(window, before..before + size, outputs)
        };
        let (top, bottom) = around(x.height, x.margins.top, y.height);
        let (left, right) = around(x.width, x.margins.left, y.width);
        let pixel = y.channels.next_multiple_of(lanes);
        Layout { margins: Margins { top, bottom, left, right }, pixel, ..*y }
    }

    /// Computes a range of rows of each map.
    pub(crate) fn forward(&self, x: Maps<'_>, mut y: MapsMut<'_>, rows: Range<usize>) {
        let layout = *y.layout;
        if rows.start == 0 {
            y.clear();
        }
        let row = x.layout.row();
        // The rows of a layout with gaps are not contiguous, and the kernel does not support gaps.
        let even = layout.row() == layout.width * layout.pixel;
        let stride = self.op.stride();
        let most = if even { (BAND / (row * stride * size_of::<f32>())).max(1) } else { 1 };
        for (x_map, y_map) in x.pictures().zip(y.pictures()) {
            for first in rows.clone().step_by(most) {
                let height = most.min(rows.end - first);
                self.op.run(Run {
                    channels: 0..self.op.channels(),
                    input: &x_map[first * stride * row..],
                    rows: Ring { first: 0, slots: self.op.inputs_under(height), stride: row },
                    input_stride: x.layout.pixel,
                    height,
                    width: layout.width,
                    out: &mut y_map[layout.start(first)..],
                    out_stride: layout.pixel,
                });
            }
        }
    }

    /// Computes gradients from the gradient of the output, in the layout of [`Self::gradient_layout`]: the contribution
    /// of a range of output rows to the weights' gradients, and the gradient of the input rows in `d_x`.
    pub(crate) fn backward(
        &self,
        x: Maps<'_>,
        d_y: Maps<'_>,
        d_weights: Option<WeightGradients<'_>>,
        d_x: Option<Gradient<'_>>,
        rows: &Rows,
    ) {
        if let Some(WeightGradients { kernel: d_kernel, bias: d_bias, add }) = d_weights {
            let stride = self.op.stride();
            for (index, (x_map, d_map)) in x.pictures().zip(d_y.pictures()).enumerate() {
                let from = rows.output.start * stride * x.layout.row();
                KernelGradient {
                    kernel: self.op.kernel(),
                    stride,
                    x: strided(&x_map[from..], x.layout),
                    d_out: strided(&d_map[d_y.layout.start(rows.output.start)..], d_y.layout),
                    size: (rows.output.len(), d_y.layout.width),
                    d_kernel: &mut *d_kernel,
                    d_bias: &mut *d_bias,
                    add: add || index > 0,
                }
                .run(self.isa);
            }
        }
        match d_x {
            Some(Gradient { maps, before: Before::Nothing, gate }) => {
                self.input_gradient(x.layout, d_y, maps, gate, &rows.input);
            }
            Some(d_x) => {
                d_x.write(|maps| self.input_gradient(x.layout, d_y, maps, None, &rows.input))
            }
            None => {}
        }
    }

    /// Computes the gradient of a range of rows of the input, whose layout is `x`.
    fn input_gradient(
        &self,
        x: &Layout,
        d_y: Maps<'_>,
        mut d_x: MapsMut<'_>,
        gate: Option<Gate<'_>>,
        rows: &Range<usize>,
    ) {
        d_x.clear();
        let (layout, Margins { top, left, .. }) = (*d_x.layout, x.margins);
        let mut clamped = gate.map(|gate| gate.y.pictures());
        for (d_map, to) in d_y.pictures().zip(d_x.pictures()) {
            let gate = gate.zip(clamped.as_mut().and_then(Iterator::next));
            self.op.input_gradient(InputGradient {
                d_out: strided(d_map, d_y.layout),
                zeros: (d_y.layout.margins.top, d_y.layout.margins.left),
                rows: top + rows.start..top + rows.end,
                columns: left..left + layout.width,
                gate: gate.map(|(gate, map)| {
                    let y = strided(&map[gate.y.layout.start(0)..], gate.y.layout);
                    depthwise::Gate { y, clamp: gate.clamp }
                }),
                d_x: StridedMut {
                    values: &mut to[layout.start(0)..],
                    row_stride: layout.row(),
                    pixel_stride: layout.pixel,
                },
            });
        }
    }
}

fn strided<'a>(values: &'a [f32], layout: &Layout) -> Strided<'a> {
    Strided { values, row_stride: layout.row(), pixel_stride: layout.pixel }
}
