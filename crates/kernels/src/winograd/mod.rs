//! 3x3 convolutions with a quarter of the multiplications.
//!
//! Winograd's minimal filtering F(4x4, 3x3): a tile of 4x4 outputs is `A^T [(G g G^T) * (B^T d B)] A`, for a kernel `g` and
//! the 6x6 inputs `d` under the tile, so that 36 products replace 144 (A. Lavin and S. Gray, "Fast Algorithms for
//! Convolutional Neural Networks", 2015). The sums over channels are 36 matrix products, one for each value of a tile.
//!
//! The rounding error is about ten times that of direct sums: below 1e-5 of the root mean square of the outputs.

mod transform;

use crate::activation::Pixels;
use crate::conv::{self, Conv, Target, Windows};
use crate::{Activation, Clamp, Isa};

use transform::{IN, Input, OUT, Output};

/// Outputs per tile in each direction.
pub const TILE: usize = OUT;

/// Values of a transformed tile.
const VALUES: usize = IN * IN;

/// Distance between the matrices of consecutive values beyond their size, so that they do not all start in the same set
/// of the cache.
const GAP: usize = 16;

/// A 3x3 convolution, moved in steps of one, with its transformed weights packed for an instruction set.
#[derive(Clone, Debug)]
pub struct Winograd {
    isa: Isa,
    /// `[inputs][outputs]` for each value of a transformed tile.
    products: Vec<Conv>,
    bias: Vec<f32>,
    activation: Activation,
}

/// The arguments of [`Winograd::run`].
#[derive(Debug)]
pub struct Run<'a> {
    /// `[tiles * 4 + 2][columns][inputs]`: the map and the zeros around it, up to the last row and column under the tiles.
    pub x: &'a [f32],
    /// Pixels per row of `x`.
    pub columns: usize,
    /// Rows and columns of the output.
    pub size: (usize, usize),
    /// Added before the activation; has the layout of the target.
    pub residual: Option<&'a [f32]>,
    /// Destination of the results.
    pub target: Target<'a>,
    /// At least [`Winograd::scratch`] values.
    pub scratch: &'a mut [f32],
    /// Weights to prefetch for the next operation.
    pub ahead: &'a [f32],
}

/// Number of tiles that cover `size` outputs, in each direction.
fn tiles((height, width): (usize, usize)) -> (usize, usize) {
    (height.div_ceil(TILE), width.div_ceil(TILE))
}

/// The rows and columns of input under the tiles that cover `size` outputs.
pub fn under(size: (usize, usize)) -> (usize, usize) {
    let (rows, columns) = tiles(size);
    (rows * TILE + IN - OUT, columns * TILE + IN - OUT)
}

/// How many times faster than direct sums it is, about: from measurements with AVX-512 of maps of 7x7 to 112x112.
///
/// In direct multiply-adds, a weight costs 20 to fetch, since there are four times as many, and a tile 1,000 for each
/// channel to transform.
pub fn speedup((height, width): (usize, usize), inputs: usize, outputs: usize) -> f64 {
    let (rows, columns) = tiles((height, width));
    let tiles = rows * columns;
    let products = VALUES * tiles * inputs * outputs;
    let fetched = 20 * VALUES * inputs * outputs;
    let transformed = 1_000 * tiles * (inputs + outputs);
    (9 * height * width * inputs * outputs) as f64 / (products + fetched + transformed) as f64
}

impl Winograd {
    /// Transforms and packs `kernel`, `[3][3][inputs][outputs]`, for `isa`.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn new(isa: Isa, kernel: &[f32], bias: &[f32], activation: impl Into<Activation>) -> Self {
        let agree = !bias.is_empty() && kernel.len().is_multiple_of(9 * bias.len());
        let agree = agree && !kernel.is_empty();
        assert!(agree, "kernel and bias do not agree");
        let none = vec![0.0; bias.len()];
        let product = |value: usize| {
            let kernel = transform::kernel((value / IN, value % IN), kernel);
            Conv::new(isa, &kernel, &none, Activation::NONE)
        };
        Self {
            isa,
            products: (0..VALUES).map(product).collect(),
            bias: bias.to_vec(),
            activation: activation.into(),
        }
    }

    /// Input channels.
    pub fn inputs(&self) -> usize {
        self.products[0].inputs()
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// The weights that a run reads first.
    pub fn first_weights(&self) -> &[f32] {
        self.products[0].weights(0, 0..1)
    }

    /// f32 values of scratch for `size` outputs: the transformed inputs, and the sums of a panel of outputs.
    pub fn scratch(&self, size: (usize, usize)) -> usize {
        self.matrix(size, self.inputs()) * VALUES
            + self.matrix(size, self.products[0].panel_width()) * VALUES
    }

    /// Values from one matrix to the next for tiles of `channels` values.
    fn matrix(&self, size: (usize, usize), channels: usize) -> usize {
        let (rows, columns) = tiles(size);
        (rows * columns * channels).next_multiple_of(GAP) + GAP
    }

    /// Computes all outputs.
    ///
    /// # Panics
    /// When a slice is too short.
    pub fn run(&self, run: Run<'_>) {
        let Run { x, columns, size, residual, target, scratch, ahead } = run;
        if size.0 == 0 || size.1 == 0 {
            return;
        }
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let (rows, needed) = under(size);
        assert!(columns >= needed && x.len() >= rows * columns * inputs, "x is too short");
        let reach = target.reach(size, outputs);
        assert!(residual.is_none_or(|r| r.len() >= reach), "the residual is too short");
        let tiles = tiles(size);
        let count = tiles.0 * tiles.1;
        let stride = self.matrix(size, inputs);
        let (transformed, sums) = scratch.split_at_mut(stride * VALUES);
        self.isa.run(Input { x, columns, channels: inputs, tiles, out: transformed, stride });

        let first = &self.products[0];
        for panel in 0..first.panels() {
            let channels = first.panel(panel);
            let width = channels.len();
            let own = self.matrix(size, width);
            for (value, product) in self.products.iter().enumerate() {
                let next = panel + 1;
                product.run(conv::Run {
                    panels: panel..next,
                    chunk: 0,
                    x: &transformed[value * stride..],
                    windows: Windows::pixels(1, count, inputs),
                    residual: None,
                    target: Target::dense(&mut sums[value * own..][..count * width], count, width),
                    ahead: match self.products.get(value + 1) {
                        Some(product) => product.weights(0, panel..next),
                        None if next < first.panels() => first.weights(0, next..next + 1),
                        None => ahead,
                    },
                });
            }
            self.isa.run(Output {
                sums,
                stride: own,
                tiles,
                size,
                bias: &self.bias[channels.clone()],
                clamp: self.activation.clamp().unwrap_or(Clamp::NONE),
                residual: residual.map(|residual| &residual[channels.start..]),
                out: &mut target.values[channels.start..],
                strides: (target.row_stride, target.pixel_stride),
            });
        }
        if let Some(function) = self.activation.function() {
            let strides = (target.row_stride, target.pixel_stride);
            Pixels { values: target.values, size, strides, used: outputs }
                .apply(self.isa, function);
        }
    }
}
