//! The trainable operations, and the program that they form.

use headstart_kernels::{Clamp, Function};
use headstart_model::Margins;

use super::layout::Layout;
use super::parameters::{Folded, Norm, Parameters};
use crate::layers::max_pooling2d::Pooling;

/// The index of a value: 0 is the input, and operation `i` computes value `i + 1`.
pub(crate) type ValueId = usize;

pub(crate) struct Op {
    /// The layer it originates from.
    pub(crate) name: String,
    pub(crate) kind: OpKind,
    pub(crate) input: ValueId,
    /// The second input: the other operand of a product, or the map to concatenate.
    pub(crate) second: Option<ValueId>,
    /// The value added before clamping; it has the output's layout.
    pub(crate) residual: Option<ValueId>,
    pub(crate) clamp: Clamp,
}

impl Op {
    /// The values it reads; one that is read twice appears twice.
    pub(crate) fn reads(&self) -> impl Iterator<Item = ValueId> {
        [Some(self.input), self.second, self.residual].into_iter().flatten()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum OpKind {
    Conv {
        side: usize,
        stride: usize,
        weights: Folded,
    },
    Grouped {
        side: usize,
        stride: usize,
        groups: usize,
        weights: Folded,
    },
    Depthwise {
        side: usize,
        stride: usize,
        weights: Folded,
    },
    Affine {
        weights: Folded,
    },
    /// BatchNormalization with the statistics of the batch.
    BatchNorm(Norm),
    /// Zeros around a map that are not the padding of a convolution.
    Pad(Margins),
    Pool,
    MaxPool(Pooling),
    LayerNorm {
        weights: Folded,
        epsilon: f32,
    },
    Activate(Function),
    Multiply,
    Concatenate,
}

impl OpKind {
    pub(crate) fn folded(&self) -> Option<&Folded> {
        match self {
            OpKind::Conv { weights, .. }
            | OpKind::Grouped { weights, .. }
            | OpKind::Depthwise { weights, .. }
            | OpKind::LayerNorm { weights, .. }
            | OpKind::Affine { weights } => Some(weights),
            _ => None,
        }
    }

    pub(super) fn folded_mut(&mut self) -> Option<&mut Folded> {
        match self {
            OpKind::Conv { weights, .. }
            | OpKind::Grouped { weights, .. }
            | OpKind::Depthwise { weights, .. }
            | OpKind::LayerNorm { weights, .. }
            | OpKind::Affine { weights } => Some(weights),
            _ => None,
        }
    }

    /// Whether a clamping activation can be fused with it.
    pub(super) fn clamps(&self) -> bool {
        matches!(
            self,
            OpKind::Conv { .. }
                | OpKind::Grouped { .. }
                | OpKind::Depthwise { .. }
                | OpKind::Affine { .. }
                | OpKind::BatchNorm(_)
        )
    }

    /// Whether a BatchNormalization by moving statistics can be folded into it.
    pub(super) fn folds(&self) -> bool {
        self.clamps() && self.folded().is_some_and(|folded| folded.norm.is_none())
    }

    pub(crate) fn is_pointwise(&self) -> bool {
        matches!(self, OpKind::Conv { side: 1, stride: 1, .. })
    }
}

/// Operations, each after those it reads.
pub(crate) struct Program {
    pub(crate) ops: Vec<Op>,
    /// The layout of every value.
    pub(crate) values: Vec<Layout>,
    /// The layout of every value's gradient.
    pub(crate) gradients: Vec<Layout>,
    pub(crate) parameters: Parameters,
}
