//! The operations of a network, after lowering and before they are grouped into steps.

use headstart_kernels::Activation;
use headstart_model::{Margins, Network, Shape, Weights};

use super::lower::lower;

/// The index of an operation and of the value it computes.
pub type OpId = usize;

/// The computation of a network on a normalised picture, in few operations: BatchNormalization is folded into the
/// convolution before it, activations and residual sums are fused with the operation they follow, and zeros around a
/// map with the window that reads them.
///
/// Each operation comes after those it reads; the first is the input, the last the output.
#[derive(Clone, Debug)]
pub struct Program {
    /// The operations.
    pub ops: Vec<Op>,
}

/// A fused operation.
#[derive(Clone, Debug)]
pub struct Op {
    /// The layer it originates from.
    pub name: String,
    /// The operation.
    pub kind: OpKind,
    /// The operation it reads; meaningless for the input.
    pub input: OpId,
    /// The value added to its result before the activation.
    pub residual: Option<OpId>,
    /// The activation after it.
    pub activation: Activation,
    /// Shape of its result.
    pub shape: Shape,
}

impl Op {
    /// The values it reads; one that is read twice appears twice.
    pub fn reads(&self) -> impl Iterator<Item = OpId> {
        let input = (!matches!(self.kind, OpKind::Input)).then_some(self.input);
        [input, self.kind.second(), self.residual].into_iter().flatten()
    }
}

/// What a fused operation computes.
#[derive(Clone, Debug)]
pub enum OpKind {
    /// The normalised picture.
    Input,
    /// A convolution. A dense layer is a convolution over one position.
    Conv {
        /// `[side][side][inputs][outputs]`.
        kernel: Vec<f32>,
        /// `[outputs]`.
        bias: Vec<f32>,
        /// The window.
        sides: Sides,
    },
    /// A grouped convolution.
    Grouped {
        /// `[side][side][inputs of a group][outputs]`.
        kernel: Vec<f32>,
        /// `[outputs]`.
        bias: Vec<f32>,
        /// The window.
        sides: Sides,
        /// Groups.
        groups: usize,
    },
    /// A depthwise convolution.
    Depthwise {
        /// `[side][side][channels]`.
        kernel: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
        /// The window.
        sides: Sides,
    },
    /// `x * scale + bias` for each channel.
    Affine {
        /// `[channels]`.
        scale: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
    },
    /// Normalises each position by the mean and variance of its channels.
    LayerNorm {
        /// `[channels]`.
        scale: Vec<f32>,
        /// `[channels]`.
        bias: Vec<f32>,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Zeros around a map.
    Pad(Margins),
    /// The largest value under a window, ignoring its margins.
    MaxPool(Sides),
    /// The mean over all positions.
    GlobalAverage,
    /// The product of each channel with its value in another operation's result.
    Gate(OpId),
    /// The concatenation of the input's channels with those of another operation's result.
    Concat(OpId),
    /// `exp(x_i) / sum_j exp(x_j)`.
    Softmax,
}

impl OpKind {
    /// The name for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "the picture",
            Self::Conv { .. } => "a convolution",
            Self::Grouped { .. } => "a grouped convolution",
            Self::Depthwise { .. } => "a depthwise convolution",
            Self::Affine { .. } => "a scaling by itself",
            Self::LayerNorm { .. } => "a layer normalization",
            Self::Pad(_) => "padding by itself",
            Self::MaxPool(_) => "max pooling",
            Self::GlobalAverage => "a mean within",
            Self::Gate(_) => "squeeze-and-excitation",
            Self::Concat(_) => "a concatenation",
            Self::Softmax => "a softmax within",
        }
    }

    /// Its second input, if any.
    pub fn second(&self) -> Option<OpId> {
        match *self {
            Self::Gate(other) | Self::Concat(other) => Some(other),
            _ => None,
        }
    }
}

/// A square window with its padding resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Side of the kernel.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros around the input.
    pub margins: Margins,
}

impl Sides {
    /// Input rows or columns that the windows of `outputs` rows or columns cover.
    pub(super) fn under(&self, outputs: usize) -> usize {
        (outputs - 1) * self.stride + self.kernel
    }

    /// How a convolution reads such windows.
    pub(super) fn access(&self) -> Access {
        match (self.kernel, self.stride, self.margins == Margins::default()) {
            (1, 1, true) => Access::InPlace,
            (1, _, true) => Access::Gathered,
            _ => Access::Padded,
        }
    }

    /// Whether the window is a single position, moved in steps of one.
    pub(super) fn is_pointwise(&self) -> bool {
        self.access() == Access::InPlace
    }
}

/// How a convolution reads the windows of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Each window is a pixel.
    InPlace,
    /// Each window is a pixel, but some pixels are skipped: the others are copied side by side.
    Gathered,
    /// From a copy with zeros around it.
    Padded,
}

impl Program {
    /// Lowers a network up to its last layer.
    ///
    /// # Panics
    /// When `weights` do not belong to the network.
    pub fn new(network: &Network, weights: &Weights) -> Self {
        lower(network, weights, network.layers().len() - 1, false)
    }

    /// Whether the input is read only by padded convolutions, which can normalise the picture as they read it.
    pub(super) fn reads_picture(&self) -> bool {
        let last = self.ops.len() - 1;
        last > 0 && self.ops.iter().skip(1).all(|op| {
            let pads =
                matches!(&op.kind, OpKind::Conv { sides, .. } if sides.access() == Access::Padded);
            (op.input != 0 || pads) && op.residual != Some(0) && op.kind.second() != Some(0)
        })
    }

    /// Number of reads of each value; the last one is also read by the caller.
    pub(super) fn consumers(&self) -> Vec<usize> {
        let mut consumers = vec![0; self.ops.len()];
        for op in self.ops.iter().skip(1) {
            op.reads().for_each(|read| consumers[read] += 1);
        }
        consumers[self.ops.len() - 1] += 1;
        consumers
    }
}
