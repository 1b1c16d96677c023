//! The products of a convolution, in f32 or reduced precision.

use std::ops::Range;

use headstart_kernels::conv::{Target, Windows};
use headstart_kernels::{Activation, conv, reduced};

/// A convolution's kernel.
#[derive(Debug)]
pub(super) enum Product {
    F32(conv::Conv),
    /// Only for 1x1 convolutions.
    Reduced(reduced::Conv),
}

/// Pixels in the precision of a [`Product`]; one chunk of their inputs.
#[derive(Clone, Copy)]
pub(super) enum Pixels<'a> {
    F32(&'a [f32]),
    Reduced(reduced::Pixels<'a>),
}

/// The arguments of [`Product::run`].
pub(super) struct Run<'a> {
    pub(super) panels: Range<usize>,
    pub(super) chunk: usize,
    pub(super) pixels: Pixels<'a>,
    /// Location of the windows among the pixels. Only their number counts in reduced precision, where windows are
    /// 1x1.
    pub(super) windows: Windows,
    /// Has the layout of the target.
    pub(super) residual: Option<&'a [f32]>,
    pub(super) target: Target<'a>,
    /// Weights to prefetch.
    pub(super) ahead: &'a [f32],
}

/// `$call` on the kernel, in either precision.
macro_rules! either {
    ($product:expr, $op:ident => $call:expr) => {
        match $product {
            Product::F32($op) => $call,
            Product::Reduced($op) => $call,
        }
    };
}

impl Product {
    pub(super) fn outputs(&self) -> usize {
        either!(self, op => op.outputs())
    }

    pub(super) fn activation(&self) -> Activation {
        match self {
            Product::F32(op) => op.activation(),
            Product::Reduced(op) => op.clamp().into(),
        }
    }

    pub(super) fn multiply_adds(&self) -> usize {
        either!(self, op => op.multiply_adds())
    }

    /// Number of chunks of inputs that are computed one after another; in reduced precision, all at once.
    pub(super) fn chunks(&self) -> usize {
        match self {
            Product::F32(op) => op.chunks(),
            Product::Reduced(_) => 1,
        }
    }

    pub(super) fn panels(&self) -> usize {
        either!(self, op => op.panels())
    }

    pub(super) fn panel(&self, panel: usize) -> Range<usize> {
        either!(self, op => op.panel(panel))
    }

    pub(super) fn panel_width(&self) -> usize {
        either!(self, op => op.panel_width())
    }

    pub(super) fn weights(&self, chunk: usize, panels: Range<usize>) -> &[f32] {
        either!(self, op => op.weights(chunk, panels))
    }

    /// f32 values of scratch for [`Product::convert`].
    pub(super) fn scratch(&self, chunk: usize, pixels: usize) -> usize {
        match self {
            Product::F32(_) => 0,
            Product::Reduced(op) => op.scratch(chunk, pixels),
        }
    }

    /// Converts pixels, `stride` values apart, to its precision; `None` in f32, where pixels are read in place.
    pub(super) fn convert<'a>(
        &self,
        chunk: usize,
        (x, stride): (&[f32], usize),
        scratch: &'a mut [f32],
    ) -> Option<reduced::Pixels<'a>> {
        match self {
            Product::F32(_) => None,
            Product::Reduced(op) => {
                Some(op.convert(chunk, reduced::Convert { x, stride, scratch }))
            }
        }
    }

    /// Computes a range of panels of the windows.
    pub(super) fn run(&self, run: Run<'_>) {
        let Run { panels, chunk, pixels, windows, residual, target, ahead } = run;
        match (self, pixels) {
            (Product::F32(op), Pixels::F32(x)) => {
                op.run(conv::Run { panels, chunk, x, windows, residual, target, ahead });
            }
            (Product::Reduced(op), Pixels::Reduced(x)) => {
                let Windows { height, width, .. } = windows;
                op.run(reduced::Run { panels, chunk, x, height, width, residual, target, ahead });
            }
            _ => unreachable!("pixels come in the precision of the product"),
        }
    }
}
