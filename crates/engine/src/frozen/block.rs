//! The inverted-residual block, computed band by band.
//!
//! What the first convolution makes of a band of rows is filtered by the depthwise convolution and
//! reduced by the last one before the next band is begun, so the expanded map, the largest value
//! of the network, never exists as a whole.

use std::ops::Range;

use headstart_kernels::depthwise::{Band, Depthwise};
use headstart_model::{Margins, Shape};

use super::conv::{Conv, Source};

/// `expand` (or a copy of the input), `depthwise`, `project` (or nothing).
#[derive(Debug)]
pub(super) struct Block {
    expand: Option<Conv>,
    depthwise: Depthwise,
    project: Option<Conv>,
    margins: Margins,
    /// Height and width of the expanded map.
    expanded: (usize, usize),
    /// Height and width of the filtered map.
    filtered: (usize, usize),
    /// Filtered rows in a band.
    band: usize,
}

/// Lengths of a block's scratch buffers in f32 values.
#[derive(Clone, Copy)]
pub(super) struct Scratch {
    pub(super) expanded: usize,
    pub(super) filtered: usize,
    pub(super) patches: usize,
}

/// What a block reads and writes, and the memory it works in.
pub(super) struct Buffers<'a> {
    pub(super) input: Source<'a>,
    pub(super) residual: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    pub(super) expanded: &'a mut [f32],
    pub(super) filtered: &'a mut [f32],
    pub(super) patches: &'a mut [f32],
}

impl Block {
    /// `bytes` bounds what a band fills, as far as a band of one row allows.
    pub(super) fn new(
        (expand, depthwise, project): (Option<Conv>, Depthwise, Option<Conv>),
        margins: Margins,
        expanded: Shape,
        filtered: Shape,
        bytes: usize,
    ) -> Self {
        let mut block = Self {
            expand,
            depthwise,
            project,
            margins,
            expanded: expanded.spatial(),
            filtered: filtered.spatial(),
            band: 1,
        };
        let height = block.filtered.0;
        let fits = |&band: &usize| {
            let values = block.depthwise.inputs_under(band) * block.expanded_row()
                + band * block.filtered_row();
            values * size_of::<f32>() <= bytes
        };
        let largest = (1..=height).rev().find(fits).unwrap_or(1);
        // Bands of one height rather than a short one at the end.
        block.band = height.div_ceil(height.div_ceil(largest));
        block
    }

    /// Values in a row of the expanded map, padding included.
    fn expanded_row(&self) -> usize {
        (self.margins.left + self.expanded.1 + self.margins.right) * self.depthwise.channels()
    }

    /// Values in a row of the filtered map.
    fn filtered_row(&self) -> usize {
        self.filtered.1 * self.depthwise.channels()
    }

    pub(super) fn scratch(&self) -> Scratch {
        let patches = |conv: &Option<Conv>| conv.as_ref().map_or(0, Conv::scratch);
        Scratch {
            expanded: self.depthwise.inputs_under(self.band) * self.expanded_row(),
            filtered: if self.project.is_some() { self.band * self.filtered_row() } else { 0 },
            patches: patches(&self.expand).max(patches(&self.project)),
        }
    }

    pub(super) fn multiply_adds(&self) -> usize {
        let taps = self.depthwise.kernel().pow(2);
        let own = self.filtered.0 * self.filtered_row() * taps;
        let conv = |conv: &Option<Conv>| conv.as_ref().map_or(0, Conv::multiply_adds);
        own + conv(&self.expand) + conv(&self.project)
    }

    pub(super) fn run(&self, buffers: Buffers<'_>) {
        let Buffers { input, residual, out, expanded, filtered, patches } = buffers;
        let (height, stride) = (self.filtered.0, self.depthwise.stride());
        let row = self.expanded_row();
        let out_row = out.len() / height;
        // The sides stay zero: nothing below writes to them.
        let channels = self.depthwise.channels();
        for row in expanded.chunks_exact_mut(row) {
            let (left, rest) = row.split_at_mut(self.margins.left * channels);
            left.fill(0.0);
            rest[self.expanded.1 * channels..].fill(0.0);
        }
        // Padded rows that `expanded` holds.
        let mut held: Range<usize> = 0..0;
        for first in (0..height).step_by(self.band) {
            let last = (first + self.band).min(height);
            let needed = first * stride..first * stride + self.depthwise.inputs_under(last - first);
            let kept = held.end.saturating_sub(needed.start);
            expanded.copy_within((held.len() - kept) * row..held.len() * row, 0);
            let new = needed.start + kept..needed.end;
            self.fill(input, new, &mut expanded[kept * row..], patches);
            held = needed;

            let band = Band { height: last - first, width: self.filtered.1, input_stride: row };
            let residual = residual.map(|r| &r[first * out_row..last * out_row]);
            let out = &mut out[first * out_row..last * out_row];
            match &self.project {
                None => self.depthwise.run(expanded, out, band),
                Some(project) => {
                    let filtered = &mut filtered[..band.height * self.filtered_row()];
                    self.depthwise.run(expanded, filtered, band);
                    // Only these rows are at hand, so they are the whole map to `project`.
                    project.rows(
                        Source::Values(filtered),
                        0..band.height,
                        residual,
                        (out, out_row),
                        patches,
                    );
                }
            }
        }
    }

    /// Writes the rows `padded` of the padded expanded map to the start of `to`.
    fn fill(&self, input: Source<'_>, padded: Range<usize>, to: &mut [f32], patches: &mut [f32]) {
        let row = self.expanded_row();
        let (top, height) = (self.margins.top, self.expanded.0);
        // Rows of zeros may be all that is asked for.
        let start = padded.start.max(top).min(padded.end);
        let real = start..padded.end.min(top + height).max(start);
        let above = real.start - padded.start;
        to[..above * row].fill(0.0);
        to[(above + real.len()) * row..padded.len() * row].fill(0.0);
        if real.is_empty() {
            return;
        }
        let rows = real.start - top..real.end - top;
        let to = &mut to[above * row + self.margins.left * self.depthwise.channels()..];
        match &self.expand {
            Some(expand) => expand.rows(input, rows, None, (to, row), patches),
            None => {
                let Source::Values(input) = input else {
                    unreachable!("pictures are read by convolutions that pad")
                };
                let length = self.expanded.1 * self.depthwise.channels();
                for (y, to) in rows.zip(to.chunks_mut(row)) {
                    to[..length].copy_from_slice(&input[y * length..][..length]);
                }
            }
        }
    }
}
