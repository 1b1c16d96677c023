use headstart_kernels::depthwise::{Depthwise, KernelGradient, Ring, Run, Strided, flipped};
use headstart_kernels::{Clamp, Isa};
use headstart_model::Margins;

use super::maps::{Gradient, Maps, MapsMut, WeightGradients};
use crate::train::network::layout::Layout;

/// A convolution of each channel by itself, with bias: `y = clamp(conv(x, kernel) + bias)`.
///
/// Its input has the zeros around it that it pads with, and full vectors of channels.
pub(crate) struct DepthwiseConv2D {
    isa: Isa,
    forward: Depthwise,
    /// From the output's gradient, spread by the stride, to the input's.
    backward: Option<Depthwise>,
}

/// Bytes that a band of rows reads, so that they stay in the first cache from one vector of
/// channels to the next.
const BAND: usize = 32 << 10;

impl DepthwiseConv2D {
    /// `kernel` is `[side][side][channels]`. Without `differentiable`, the gradient of the input
    /// cannot be had.
    pub(crate) fn new(
        isa: Isa,
        (side, stride): (usize, usize),
        (kernel, bias): (&[f32], &[f32]),
        clamp: Clamp,
        differentiable: bool,
    ) -> Self {
        let forward = Depthwise::new(isa, kernel, bias, side, stride, clamp);
        let backward = differentiable.then(|| {
            let (kernel, zeros) = (flipped(kernel, bias.len()), vec![0.0; bias.len()]);
            Depthwise::new(isa, &kernel, &zeros, side, 1, Clamp::NONE)
        });
        Self { isa, forward, backward }
    }

    /// Takes other weights of the same shape.
    pub(crate) fn load(&mut self, kernel: &[f32], bias: &[f32]) {
        self.forward.load(kernel, bias);
        if let Some(backward) = &mut self.backward {
            backward.load(&flipped(kernel, bias.len()), &vec![0.0; bias.len()]);
        }
    }

    /// The layout in which the gradient of an output `y` is read: with zeros between its pixels in
    /// place of the rows and columns that the stride skips, and around them.
    ///
    /// # Panics
    /// When the input's padding is as large as the kernel.
    pub(crate) fn gradient_layout(
        (side, stride): (usize, usize),
        x: &Layout,
        y: &Layout,
        lanes: usize,
    ) -> Layout {
        let around = |size: usize, before: usize, outputs: usize| {
            let first =
                (side - 1).checked_sub(before).expect("less padding than the kernel's side");
            (first, size + side - 1 - first - ((outputs - 1) * stride + 1))
        };
        let (top, bottom) = around(x.height, x.margins.top, y.height);
        let (left, right) = around(x.width, x.margins.left, y.width);
        let pixel = y.channels.next_multiple_of(lanes);
        Layout { margins: Margins { top, bottom, left, right }, spread: stride, pixel, ..*y }
    }

    pub(crate) fn forward(&self, x: Maps<'_>, mut y: MapsMut<'_>) {
        y.clear();
        filter(&self.forward, x, y);
    }

    /// Gradients from that of the output, in the layout of [`Self::gradient_layout`].
    pub(crate) fn backward(
        &self,
        x: Maps<'_>,
        d_y: Maps<'_>,
        d_weights: Option<WeightGradients<'_>>,
        d_x: Option<Gradient<'_>>,
    ) {
        if let Some(WeightGradients { kernel: d_kernel, bias: d_bias, add }) = d_weights {
            for (index, (x_map, d_map)) in x.pictures().zip(d_y.pictures()).enumerate() {
                let (kernel, stride) = (self.forward.kernel(), self.forward.stride());
                let (row_stride, pixel_stride) = (x.layout.row(), x.layout.pixel);
                KernelGradient {
                    kernel,
                    stride,
                    x: Strided { values: x_map, row_stride, pixel_stride },
                    d_out: Strided {
                        values: &d_map[d_y.layout.start(0)..],
                        row_stride: d_y.layout.row_stride(),
                        pixel_stride: d_y.layout.pixel_stride(),
                    },
                    size: (d_y.layout.height, d_y.layout.width),
                    d_kernel: &mut *d_kernel,
                    d_bias: &mut *d_bias,
                    add: add || index > 0,
                }
                .run(self.isa);
            }
        }
        if let Some(d_x) = d_x {
            let backward = self.backward.as_ref().expect("made differentiable");
            d_x.write(|mut d_x| {
                d_x.clear();
                filter(backward, d_y, d_x);
            });
        }
    }
}

/// Runs `op` over padded maps, in bands of rows.
fn filter(op: &Depthwise, x: Maps<'_>, mut y: MapsMut<'_>) {
    let layout = *y.layout;
    let row = x.layout.row();
    // Rows of a layout with gaps do not follow each other, and the kernel knows no gap.
    let even = layout.row_stride() == layout.width * layout.pixel_stride();
    let most = if even { (BAND / (row * op.stride() * size_of::<f32>())).max(1) } else { 1 };
    for (x_map, y_map) in x.pictures().zip(y.pictures()) {
        for first in (0..layout.height).step_by(most) {
            let height = most.min(layout.height - first);
            op.run(Run {
                channels: 0..op.channels(),
                input: &x_map[first * op.stride() * row..],
                rows: Ring { first: 0, slots: op.inputs_under(height), stride: row },
                input_stride: x.layout.pixel,
                height,
                width: layout.width,
                out: &mut y_map[layout.start(first)..],
                out_stride: layout.pixel_stride(),
            });
        }
    }
}
