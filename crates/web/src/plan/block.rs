//! A depthwise convolution together with the pointwise convolutions before and after it, computed in bands of rows, so
//! that the expanded map is never in memory as a whole.

use headstart_engine::frozen::{Op, OpId, OpKind, Sides};
use headstart_model::Margins;

use super::{Place, Plan, clamp_of, is_pointwise, no_kernel};
use crate::WebError;
use crate::kernels::{Depthwise, F32_BYTES};

/// The limit on the bytes of the expanded and filtered rows of a band.
const BAND_BYTES: usize = 400 << 10;

/// A depthwise convolution, and the pointwise convolutions before and after it, if any.
struct Block<'a> {
    expand: Option<(OpId, &'a Op)>,
    depthwise: (OpId, &'a Op, Sides),
    project: Option<(OpId, &'a Op)>,
}

impl<'a> Plan<'a> {
    /// Plans a block, which is computed in bands of rows.
    pub(super) fn block(&mut self, id: OpId, op: &'a Op, sides: Sides) -> Result<(), WebError> {
        if !Depthwise::SIDES.contains(&sides.kernel) {
            return Err(no_kernel("a depthwise convolution of other than 3 or 5 rows", op));
        }
        let ops = &self.program.ops;
        let expand = self.is_expansion(op.input).then(|| (op.input, &ops[op.input]));
        let project = self.projection(id);
        let block = Block { expand, depthwise: (id, op, sides), project };

        let input = match expand {
            Some((id, op)) => self.conv(id, op)?,
            None => self.read(op.input),
        };
        let OpKind::Depthwise { kernel, bias, .. } = &op.kind else {
            unreachable!("it is a depthwise convolution")
        };
        if op.residual.is_some() {
            return Err(no_kernel("a sum after a depthwise convolution", op));
        }
        let depthwise = Depthwise::new(self.data, (kernel, bias), sides, clamp_of(op));
        let last = project.map_or((id, op), |project| project);
        if let Some((id, op)) = project {
            self.pack(id, op);
        }
        let out = self.take(last.1.shape.len() * F32_BYTES);
        let residual = last.1.residual.map_or(out, |residual| self.read(residual));
        self.bands(&block, &depthwise, [input, out, residual]);
        self.values[last.0] = Some(out);
        self.release(&[Some(expand.map_or(op.input, |(_, op)| op.input)), last.1.residual]);
        Ok(())
    }

    fn bands(
        &mut self,
        block: &Block<'a>,
        depthwise: &Depthwise,
        [input, out, residual]: [Place; 3],
    ) {
        let (_, op, sides) = block.depthwise;
        let before = self.program.ops[op.input].shape;
        let ((height, width), (filtered_height, filtered_width)) =
            (before.spatial(), op.shape.spatial());
        let (row, filtered_row) = (width * depthwise.channels, filtered_width * depthwise.channels);
        let (row, filtered_row) = (row * F32_BYTES, filtered_row * F32_BYTES);
        let slots = |band: usize| ((band - 1) * sides.stride + sides.kernel).min(height);
        let fits = |band: &usize| slots(*band) * row + band * filtered_row <= BAND_BYTES;
        let most = (1..=filtered_height).rev().find(fits).unwrap_or(1);
        // Bands of equal height, so that the last one is not much shorter than the others.
        let band = filtered_height.div_ceil(filtered_height.div_ceil(most));
        let slots = if block.expand.is_some() { slots(band) } else { height };

        let body = depthwise.body(width, filtered_width, self.fused);
        let filter = self.module.function(body);
        let zeros = self.data.zeros(row);
        let expanded = match block.expand {
            Some(_) => self.take(slots * row),
            None => input,
        };
        let filtered = match block.project {
            Some(_) => self.take(band * filtered_row),
            None => out,
        };
        let Margins { top, .. } = sides.margins;
        let mut next = 0;
        for first in (0..filtered_height).step_by(band) {
            let rows = first..(first + band).min(filtered_height);
            if let Some((id, _)) = block.expand {
                let end = ((rows.end - 1) * sides.stride + sides.kernel).saturating_sub(top);
                let end = end.min(height);
                while next < end {
                    // As many rows as are contiguous in the ring buffer.
                    let slot = next % slots;
                    let count = (end - next).min(slots - slot);
                    let input = input.plus(self.input_rows(id, next));
                    let output = expanded.plus(slot * row);
                    self.conv_rows(id, count, [input, output, output]);
                    next += count;
                }
            }
            for y in rows.clone() {
                let to = if block.project.is_some() { y - rows.start } else { y };
                let mut arguments = vec![filtered.plus(to * filtered_row)];
                arguments.extend((0..sides.kernel).map(|tap| {
                    let padded = y * sides.stride + tap;
                    match padded.checked_sub(top).filter(|y| *y < height) {
                        Some(y) => expanded.plus(y % slots * row),
                        None => Place::Fixed(zeros),
                    }
                }));
                self.call(filter, &arguments);
            }
            if let Some((id, op)) = block.project {
                let row = op.shape.spatial().1 * op.shape.channels() * F32_BYTES;
                let [out, residual] = [out, residual].map(|place| place.plus(rows.start * row));
                self.conv_rows(id, rows.len(), [filtered, out, residual]);
            }
        }
        if block.expand.is_some() {
            self.free(expanded);
        }
        if block.project.is_some() {
            self.free(filtered);
        }
    }

    /// The pointwise convolution that is the only reader of a depthwise one.
    fn projection(&self, id: OpId) -> Option<(OpId, &'a Op)> {
        let ops = &self.program.ops;
        let mut readers = ops.iter().enumerate().skip(1);
        let reader = readers.find(|(_, op)| op.input == id)?;
        let pointwise = matches!(&reader.1.kind, OpKind::Conv { sides, .. } if is_pointwise(sides));
        (pointwise && self.readers[id] == 1 && !self.is_expansion(reader.0)).then_some(reader)
    }
}
