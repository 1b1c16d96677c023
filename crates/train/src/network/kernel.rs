//! Operations with their weights folded and packed.

use headstart_kernels::Isa;

use super::parameters::{FoldedWeights, Parameters};
use super::program::{Op, OpKind};
use crate::layers::affine::Affine;
use crate::layers::batch_normalization::Moments;
use crate::layers::{Conv2D, DepthwiseConv2D, GroupedConv2D, LayerNormalization};

/// An operation with its weights prepared.
pub(super) enum Kernel {
    Conv(Conv2D),
    Grouped(GroupedConv2D),
    Depthwise(DepthwiseConv2D),
    LayerNorm(LayerNormalization),
    /// Also a BatchNormalization whose moments are known.
    Affine(Affine),
    None,
}

impl Kernel {
    /// Folds and packs the weights of `op`; `differentiable` if the gradient of its input is needed.
    pub(super) fn new(isa: Isa, op: &Op, parameters: &Parameters, differentiable: bool) -> Self {
        let mut folded = FoldedWeights::default();
        if let Some(weights) = op.kind.folded() {
            weights.fold(parameters, &mut folded);
        }
        let FoldedWeights { kernel, bias } = folded;
        let weights = (&kernel[..], &bias[..]);
        match op.kind {
            OpKind::Conv { side, stride, .. } => {
                Self::Conv(Conv2D::new(isa, (side, stride), weights, op.clamp, differentiable))
            }
            OpKind::Depthwise { side, stride, .. } => {
                Self::Depthwise(DepthwiseConv2D::new(isa, (side, stride), weights, op.clamp))
            }
            OpKind::Grouped { side, stride, groups, .. } => {
                let (window, clamp) = ((side, stride), op.clamp);
                Self::Grouped(GroupedConv2D::new(
                    isa,
                    window,
                    groups,
                    weights,
                    clamp,
                    differentiable,
                ))
            }
            OpKind::LayerNorm { epsilon, .. } => {
                Self::LayerNorm(LayerNormalization { scale: kernel, bias, epsilon })
            }
            OpKind::Affine { .. } => Self::Affine(Affine { scale: kernel, bias, clamp: op.clamp }),
            OpKind::BatchNorm(norm) => {
                let of = |id| parameters.values(id).iter().map(|&x| f64::from(x)).collect();
                let (mean, variance) = (of(norm.moving_mean()), of(norm.moving_variance()));
                Self::normalization(&Moments { mean, variance }, op, parameters)
            }
            OpKind::Pad(_)
            | OpKind::Pool
            | OpKind::MaxPool(_)
            | OpKind::Activate(_)
            | OpKind::Multiply
            | OpKind::Concatenate => Self::None,
        }
    }

    /// Applies changes of the weights of `op` if it is trainable; `folded` is working memory.
    pub(super) fn refresh(
        &mut self,
        (isa, op): (Isa, &Op),
        parameters: &Parameters,
        folded: &mut FoldedWeights,
    ) {
        let Some(weights) = op.kind.folded() else {
            if matches!(op.kind, OpKind::BatchNorm(_)) {
                *self = Self::new(isa, op, parameters, false);
            }
            return;
        };
        if !weights.trains(parameters) {
            return;
        }
        weights.fold(parameters, folded);
        match self {
            Self::Conv(conv) => conv.load(&folded.kernel, &folded.bias),
            Self::Grouped(grouped) => grouped.load(&folded.kernel, &folded.bias),
            Self::Depthwise(depthwise) => depthwise.load(&folded.kernel, &folded.bias),
            Self::LayerNorm(norm) => {
                norm.scale.copy_from_slice(&folded.kernel);
                norm.bias.copy_from_slice(&folded.bias);
            }
            Self::Affine(affine) => {
                affine.scale.copy_from_slice(&folded.kernel);
                affine.bias.copy_from_slice(&folded.bias);
            }
            Self::None => {}
        }
    }

    /// The BatchNormalization with these moments.
    pub(super) fn normalization(moments: &Moments, op: &Op, parameters: &Parameters) -> Self {
        let OpKind::BatchNorm(norm) = &op.kind else { unreachable!("a BatchNormalization") };
        let (gamma, beta) = (parameters.values(norm.gamma()), parameters.values(norm.beta()));
        let (scale, bias) = moments.affine(gamma, beta, norm.epsilon);
        Self::Affine(Affine { scale, bias, clamp: op.clamp })
    }
}
