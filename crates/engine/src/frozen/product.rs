//! The products of a convolution, in f32 or bf16.

use std::ops::Range;

use headstart_kernels::conv::{Target, Windows};
use headstart_kernels::{Activation, bf16, conv};

/// A convolution's kernel.
#[derive(Debug)]
pub(super) enum Product {
    F32(conv::Conv),
    /// Only for 1x1 convolutions.
    Bf16(bf16::Conv),
}

/// Pixels in the precision of a [`Product`]; one chunk of their inputs.
#[derive(Clone, Copy)]
pub(super) enum Pixels<'a> {
    F32(&'a [f32]),
    /// See [`bf16::Run::x`].
    Bf16(&'a [u16]),
}

/// The arguments of [`Product::run`].
pub(super) struct Run<'a> {
    pub(super) panels: Range<usize>,
    pub(super) chunk: usize,
    pub(super) pixels: Pixels<'a>,
    /// Location of the windows among the pixels. Only their number counts in bf16, whose windows are 1x1.
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
            Product::Bf16($op) => $call,
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
            Product::Bf16(op) => op.clamp().into(),
        }
    }

    pub(super) fn multiply_adds(&self) -> usize {
        either!(self, op => op.multiply_adds())
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

    /// The instruction set that rounds pixels, and the number of values per rounded pixel of a chunk; `None` in f32,
    /// where pixels are read in place.
    pub(super) fn rounded(&self, chunk: usize) -> Option<(bf16::Bf16, usize)> {
        match self {
            Product::F32(_) => None,
            Product::Bf16(op) => Some((op.isa(), op.pixel(chunk))),
        }
    }

    /// Computes a range of panels of the windows.
    pub(super) fn run(&self, run: Run<'_>) {
        let Run { panels, chunk, pixels, windows, residual, target, ahead } = run;
        match (self, pixels) {
            (Product::F32(op), Pixels::F32(x)) => {
                op.run(conv::Run { panels, chunk, x, windows, residual, target, ahead });
            }
            (Product::Bf16(op), Pixels::Bf16(x)) => {
                let Windows { height, width, .. } = windows;
                op.run(bf16::Run { panels, chunk, x, height, width, residual, target, ahead });
            }
            _ => unreachable!("pixels come in the precision of the product"),
        }
    }
}

/// f32 values of scratch for `pixels` rounded pixels of `pixel` values, including those that complete the last block.
pub(super) fn rounded_len(pixels: usize, pixel: usize) -> usize {
    ((pixels + bf16::PIXELS - 1) * pixel).div_ceil(2)
}

/// Rounds the first `channels` values of the pixels `x`, which are `stride` values apart.
pub(super) fn round<'a>(
    (isa, pixel): (bf16::Bf16, usize),
    (x, stride, channels): (&[f32], usize, usize),
    scratch: &'a mut [f32],
) -> &'a [u16] {
    let out: &mut [u16] = bytemuck::cast_slice_mut(scratch);
    bf16::Round { x, stride, channels, out, pixel }.run(isa);
    out
}
