//! A convolution computed in whole output rows.

use std::ops::Range;

use headstart_kernels::im2col::{self, Map};
use headstart_kernels::pointwise::{Pointwise, Rows};
use headstart_kernels::{Clamp, Isa};
use headstart_model::Shape;

use super::lower::Sides;

#[derive(Debug)]
pub(super) struct Conv {
    op: Pointwise,
    /// `None` for a 1x1 convolution, whose input rows are used as they lie.
    window: Option<im2col::Window>,
    input: Shape,
    output: Shape,
}

impl Conv {
    pub(super) fn new(
        isa: Isa,
        (kernel, bias, clamp): (&[f32], &[f32], Clamp),
        sides: Sides,
        input: Shape,
        output: Shape,
    ) -> Self {
        let window = (!sides.is_pointwise()).then_some(im2col::Window {
            kernel: sides.kernel,
            stride: sides.stride,
            top: sides.margins.top,
            left: sides.margins.left,
        });
        Self { op: Pointwise::new(isa, kernel, bias, clamp), window, input, output }
    }

    /// f32 values of scratch that [`Conv::rows`] needs: the windows of one output row.
    pub(super) fn scratch(&self) -> usize {
        if self.window.is_some() { self.output.spatial().1 * self.op.inputs() } else { 0 }
    }

    pub(super) fn multiply_adds(&self) -> usize {
        let (height, width) = self.output.spatial();
        height * width * self.op.multiply_adds()
    }

    /// Computes output rows `range` of the whole map `input` into `out`, `stride` values apart.
    /// `residual` holds the same rows, without gaps.
    pub(super) fn rows(
        &self,
        input: &[f32],
        range: Range<usize>,
        residual: Option<&[f32]>,
        (out, stride): (&mut [f32], usize),
        scratch: &mut [f32],
    ) {
        let (height, in_width) = self.input.spatial();
        let channels = self.input.channels();
        let (_, width) = self.output.spatial();
        let rows = Rows { width, stride };
        let Some(window) = self.window else {
            let row = in_width * channels;
            let x = &input[range.start * row..range.end * row];
            return self.op.run(x, residual, out, rows);
        };
        let map = Map { values: input, height, width: in_width, channels };
        let row = width * self.output.channels();
        for (index, y) in range.enumerate() {
            im2col::row(map, window, y, scratch);
            let residual = residual.map(|r| &r[index * row..][..row]);
            self.op.run(scratch, residual, &mut out[index * stride..][..row], rows);
        }
    }
}
