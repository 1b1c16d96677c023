use headstart_kernels::conv::{Conv, KernelGradient, Run, Target, Windows, chunks_in_cache};
use headstart_kernels::{Clamp, Isa};
use headstart_model::Margins;

use super::maps::{Before, Gradient, Maps, MapsMut, WeightGradients};
use crate::network::layout::Layout;

/// A convolution with bias: `y = clamp(conv(x, kernel) + bias + residual)`.
///
/// Its input includes the zeros of its padding.
pub(crate) struct Conv2D {
    isa: Isa,
    /// Side and stride of the window.
    side: usize,
    stride: usize,
    forward: Conv,
    backward: Option<Backward>,
}

/// The gradient of the input from that of the output.
enum Backward {
    /// Moved in steps of one, the gradient is a convolution of the output's gradient, surrounded by zeros, with the
    /// transposed kernel in reverse.
    Convolution(Conv),
    /// Maps the gradients of an output pixel to those of its window, which are added up.
    Patches(Conv),
}

impl Backward {
    fn new(isa: Isa, (side, stride): (usize, usize), kernel: &[f32], outputs: usize) -> Self {
        let taps = side * side;
        let mut own = if stride == 1 {
            let inputs = kernel.len() / outputs / taps;
            Self::Convolution(chunked(isa, side, kernel, &vec![0.0; inputs], Clamp::NONE))
        } else {
            let window = kernel.len() / outputs;
            Self::Patches(Conv::new(isa, kernel, &vec![0.0; window], Clamp::NONE))
        };
        own.load(kernel, taps);
        own
    }

    fn load(&mut self, kernel: &[f32], taps: usize) {
        match self {
            Self::Convolution(conv) => conv.load_transposed(kernel, taps),
            Self::Patches(conv) => conv.load_transposed(kernel, 1),
        }
    }
}

/// A convolution with its inputs in chunks.
fn chunked(isa: Isa, side: usize, kernel: &[f32], bias: &[f32], clamp: Clamp) -> Conv {
    let inputs = kernel.len() / bias.len();
    let ends = match side {
        1 => chunk_ends(inputs, CHUNK),
        _ => chunks_in_cache(isa, inputs, side),
    };
    Conv::in_chunks(isa, kernel, bias, clamp, &ends)
}

impl Conv2D {
    /// `kernel` is `[side][side][inputs][outputs]`. Without `differentiable`, the gradient of the input is not
    /// available.
    pub(crate) fn new(
        isa: Isa,
        (side, stride): (usize, usize),
        (kernel, bias): (&[f32], &[f32]),
        clamp: Clamp,
        differentiable: bool,
    ) -> Self {
        let forward = chunked(isa, side, kernel, bias, clamp);
        let backward =
            differentiable.then(|| Backward::new(isa, (side, stride), kernel, bias.len()));
        Self { isa, side, stride, forward, backward }
    }

    /// Replaces the weights by others of the same shape.
    pub(crate) fn load(&mut self, kernel: &[f32], bias: &[f32]) {
        self.forward.load(kernel, bias);
        if let Some(backward) = &mut self.backward {
            backward.load(kernel, self.side * self.side);
        }
    }

    fn is_pointwise(&self) -> bool {
        self.side == 1 && self.stride == 1
    }

    /// The windows of `pictures` maps of `height` x `width` outputs; more than one only if the pixels of all maps are
    /// contiguous.
    fn windows(&self, x: &Layout, (height, width): (usize, usize), pictures: usize) -> Windows {
        if self.is_pointwise() {
            return Windows {
                row_stride: x.row(),
                ..Windows::pixels(pictures * height, width, x.pixel)
            };
        }
        let size = (height, width);
        Windows::sliding(size, (self.side, self.stride), x.columns(), x.channels)
    }

    /// The start of the first window.
    fn first(&self, x: &Layout) -> usize {
        if self.is_pointwise() { x.start(0) } else { 0 }
    }

    /// The residual has the output's layout.
    pub(crate) fn forward(&self, x: Maps<'_>, residual: Option<&[f32]>, mut y: MapsMut<'_>) {
        let layout = *y.layout;
        y.clear();
        // To a pointwise convolution, dense maps of several pictures are a single map.
        let together = self.is_pointwise() && x.layout.is_dense() && layout.is_dense();
        let pictures = if together { y.values.len() / layout.len() } else { 1 };
        let (from, to) = (pictures * x.layout.len(), pictures * layout.len());
        let pairs = x.values.chunks_exact(from).zip(y.values.chunks_exact_mut(to));
        for (index, (x_maps, y_maps)) in pairs.enumerate() {
            let start = layout.start(0);
            run(
                &self.forward,
                &x_maps[self.first(x.layout)..],
                self.windows(x.layout, (layout.height, layout.width), pictures),
                residual.map(|residual| &residual[index * to + start..]),
                (&mut y_maps[start..], &layout),
            );
        }
    }

    /// Computes gradients from the gradient of the output, which is dense.
    pub(crate) fn backward(
        &self,
        x: Maps<'_>,
        d_y: Maps<'_>,
        d_weights: Option<WeightGradients<'_>>,
        d_x: Option<Gradient<'_>>,
    ) {
        let size = (d_y.layout.height, d_y.layout.width);
        if let Some(WeightGradients { kernel: d_kernel, bias: d_bias, add }) = d_weights {
            let together = self.is_pointwise() && x.layout.is_dense();
            let pictures = if together { d_y.values.len() / d_y.layout.len() } else { 1 };
            let windows = self.windows(x.layout, size, pictures);
            let xs = x.values.chunks_exact(pictures * x.layout.len());
            let d_ys = d_y.values.chunks_exact(pictures * d_y.layout.len());
            for (index, (x_maps, d_out)) in xs.zip(d_ys).enumerate() {
                let x = &x_maps[self.first(x.layout)..];
                let (d_kernel, d_bias) = (&mut *d_kernel, &mut *d_bias);
                let add = add || index > 0;
                KernelGradient { x, windows, d_out, d_kernel, d_bias, add }.run(self.isa);
            }
        }
        if let Some(d_x) = d_x {
            match self.backward.as_ref().expect("made differentiable") {
                Backward::Convolution(backward) if self.is_pointwise() => {
                    Self::pointwise_input(backward, d_y, d_x);
                }
                Backward::Convolution(backward) => {
                    d_x.write(|d_x| self.convolved_input(backward, x.layout, d_y, d_x));
                }
                Backward::Patches(backward) => {
                    d_x.write(|d_x| self.windows_input(backward, x.layout, d_y, d_x));
                }
            }
        }
    }

    fn pointwise_input(backward: &Conv, d_y: Maps<'_>, d_x: Gradient<'_>) {
        let layout = *d_x.maps.layout;
        let run = |d_y_maps: &[f32], residual: Option<&[f32]>, d_x: &mut [f32], pictures: usize| {
            let height = pictures * layout.height;
            let windows = Windows::pixels(height, layout.width, d_y.layout.channels);
            run(backward, d_y_maps, windows, residual, (&mut d_x[layout.start(0)..], &layout));
        };
        let pictures = d_y.values.len() / d_y.layout.len();
        if let (Before::Is(other), true) = (d_x.before, layout.is_dense()) {
            // The sum starts with the present content.
            let d_x = Gradient { before: Before::Nothing, ..d_x };
            return d_x.write(|d_x| run(d_y.values, Some(other), d_x.values, pictures));
        }
        d_x.write(|mut d_x| {
            d_x.clear();
            if layout.is_dense() {
                return run(d_y.values, None, d_x.values, pictures);
            }
            for (d_y, d_x) in d_y.pictures().zip(d_x.pictures()) {
                run(d_y, None, d_x, 1);
            }
        });
    }

    /// Convolves the output's gradient, surrounded by zeros, for a window that moves in steps of one. `padded` is the
    /// layout under the windows.
    fn convolved_input(
        &self,
        backward: &Conv,
        padded: &Layout,
        d_y: Maps<'_>,
        mut d_x: MapsMut<'_>,
    ) {
        let to = *d_x.layout;
        let reach = self.side - 1;
        let Margins { top, bottom, left, right } = padded.margins;
        let zeros = |own: usize| reach.saturating_sub(own);
        let margins = Margins {
            top: zeros(top),
            bottom: zeros(bottom),
            left: zeros(left),
            right: zeros(right),
        };
        let around = Layout { margins, ..*d_y.layout };
        // Windows that cover only zeros have no part in it.
        let skipped = |own: usize| own.saturating_sub(reach);
        let first = skipped(top) * around.row() + skipped(left) * around.pixel;
        let size = (to.height, to.width);
        let windows = Windows::sliding(size, (self.side, 1), around.columns(), around.channels);
        let mut copy = vec![0.0; around.len()];
        d_x.clear();
        for (d_y_map, d_x) in d_y.pictures().zip(d_x.pictures()) {
            let mut copied = MapsMut { values: &mut copy, layout: &around };
            copied.copy_from(Maps { values: d_y_map, layout: d_y.layout });
            run(backward, &copy[first..], windows, None, (&mut d_x[to.start(0)..], &to));
        }
    }

    /// Adds the contribution of each window's output gradients, a row of windows at a time. `padded` is the layout
    /// under the windows.
    fn windows_input(&self, backward: &Conv, padded: &Layout, d_y: Maps<'_>, d_x: MapsMut<'_>) {
        let (to, from, margins) = (d_x.layout, d_y.layout, padded.margins);
        let inputs = backward.outputs();
        let mut patches = vec![0.0; from.width * inputs];
        d_x.values.fill(0.0);
        for (d_y, d_x) in d_y.pictures().zip(d_x.values.chunks_exact_mut(to.len())) {
            for (y, d_row) in d_y.chunks_exact(from.width * from.channels).enumerate() {
                let windows = Windows::pixels(1, from.width, from.channels);
                let whole = Layout { height: 1, channels: inputs, pixel: inputs, ..*from };
                run(backward, d_row, windows, None, (&mut patches, &whole));
                for (index, patch) in patches.chunks_exact(to.channels).enumerate() {
                    let (x, tap) =
                        (index / (self.side * self.side), index % (self.side * self.side));
                    let row = (y * self.stride + tap / self.side).wrapping_sub(margins.top);
                    let column = (x * self.stride + tap % self.side).wrapping_sub(margins.left);
                    // Gradients of the zeros around the map are dropped.
                    if row < to.height && column < to.width {
                        let at = to.start(row) + column * to.pixel;
                        for (sum, d) in d_x[at..][..to.channels].iter_mut().zip(patch) {
                            *sum += d;
                        }
                    }
                }
            }
        }
    }
}

/// Inputs whose weights for a panel of outputs stay in L1 between tiles.
const CHUNK: usize = 128;

/// The ends of chunks of nearly equal size.
fn chunk_ends(inputs: usize, most: usize) -> Vec<usize> {
    let count = inputs.div_ceil(most);
    (1..=count).map(|chunk| inputs * chunk / count).collect()
}

/// Computes all panels and chunks into `to`, from the first pixel on, for one picture of this layout or several dense
/// ones; the residual has the same layout.
fn run(
    op: &Conv,
    x: &[f32],
    windows: Windows,
    residual: Option<&[f32]>,
    (to, layout): (&mut [f32], &Layout),
) {
    for chunk in 0..op.chunks() {
        let (offset, windows) = windows.of_chunk(op.inputs(), op.chunk(chunk));
        op.run(Run {
            panels: 0..op.panels(),
            chunk,
            x: &x[offset..],
            windows,
            residual,
            target: Target {
                values: &mut *to,
                row_stride: layout.row(),
                pixel_stride: layout.pixel,
                room: layout.pixel,
            },
            ahead: &[],
        });
    }
}
