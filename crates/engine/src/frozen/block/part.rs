//! One thread's part of a block: a range of rows and of panels.

use std::ops::Range;

use headstart_kernels::conv::{Target, Windows};
use headstart_kernels::depthwise::{self, Ring};

use super::Block;
use crate::frozen::buffers::{PICTURE, Source};
use crate::frozen::conv::{Conv, Rows};
use crate::frozen::product::{Pixels, Run};
use crate::frozen::share::carve;

/// The part of a block that one thread computes.
pub(super) struct Part<'a> {
    pub(super) rows: Range<usize>,
    pub(super) panels: Range<usize>,
    pub(super) input: Source<'a>,
    /// Both begin with the first row of the range.
    pub(super) residual: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
    pub(super) scratch: &'a mut [f32],
    pub(super) ahead: &'a [f32],
}

impl Block {
    pub(super) fn part(&self, part: Part<'_>) {
        let Part { rows, panels, input, residual, out, mut scratch, ahead } = part;
        let expanded = carve(&mut scratch, self.expanded_len());
        let filtered = carve(&mut scratch, self.filtered_len());
        let patches = carve(&mut scratch, self.patches_len());
        let prepared = carve(&mut scratch, self.prepared_len());
        let reduced = carve(&mut scratch, self.reduced_len());
        let input = match &self.expand {
            Some(expand) => expand.prepare(input, self.rows_under(&rows), prepared),
            None => input,
        };
        // The sides stay zero: nothing below writes to them.
        let left = self.margins.left * self.pixel;
        for row in expanded.chunks_exact_mut(self.expanded_row()) {
            row[..left].fill(0.0);
            row[left + self.expanded.1 * self.pixel..].fill(0.0);
        }
        let stride = self.depthwise.stride();
        let out_row = out.len() / rows.len();
        for panel in panels.clone() {
            let ahead = match &self.expand {
                Some(expand) if panel + 1 < panels.end => {
                    expand.op.weights(0, panel + 1..panel + 2)
                }
                _ => ahead,
            };
            // First padded row not yet expanded.
            let mut next = 0;
            for first in rows.clone().step_by(self.band) {
                let band = first..(first + self.band).min(rows.end);
                let end = band.start * stride + self.depthwise.inputs_under(band.len());
                self.expand(panel, input, next.max(band.start * stride)..end, expanded, patches);
                next = end;

                let values = (band.start - rows.start) * out_row..(band.end - rows.start) * out_row;
                let residual = residual.map(|r| &r[values.clone()]);
                let out = &mut out[values];
                match &self.project {
                    None => {
                        let channels = self.depthwise.channels();
                        let out = &mut out[self.panels[panel].channels.start..];
                        self.filter(panel, band, expanded, out, channels);
                    }
                    Some(project) => {
                        let size = (band.len(), self.filtered.1);
                        self.filter(panel, band, expanded, filtered, self.pixel);
                        let channels = project.op.outputs();
                        project.op.run(Run {
                            panels: 0..project.op.panels(),
                            chunk: panel,
                            pixels: self.filtered_pixels(project, panel, size, filtered, reduced),
                            windows: Windows::pixels(size.0, size.1, self.pixel),
                            residual,
                            target: Target::dense(out, size.1, channels),
                            ahead,
                        });
                    }
                }
            }
        }
    }

    /// The rows of the unpadded expanded map that the windows of `filtered` rows cover.
    fn rows_under(&self, filtered: &Range<usize>) -> Range<usize> {
        let (top, height) = (self.margins.top, self.expanded.0);
        let first = filtered.start * self.depthwise.stride();
        let end = first + self.depthwise.inputs_under(filtered.len());
        first.saturating_sub(top).min(height)..end.saturating_sub(top).min(height)
    }

    /// A panel's filtered band in the precision of `project`.
    fn filtered_pixels<'a>(
        &self,
        project: &Conv,
        panel: usize,
        (height, width): (usize, usize),
        filtered: &'a [f32],
        reduced: &'a mut [f32],
    ) -> Pixels<'a> {
        let values = &filtered[..height * width * self.pixel];
        match project.op.convert(panel, (values, self.pixel), reduced) {
            Some(pixels) => Pixels::Reduced(pixels),
            None => Pixels::F32(filtered),
        }
    }

    /// Writes the rows `padded` of a panel's padded expanded map to their slots.
    fn expand(
        &self,
        panel: usize,
        input: Source<'_>,
        padded: Range<usize>,
        expanded: &mut [f32],
        patches: &mut [f32],
    ) {
        let row = self.expanded_row();
        let (top, height) = (self.margins.top, self.expanded.0);
        let mut y = padded.start;
        while y < padded.end {
            let slot = y % self.slots();
            let to = &mut expanded[slot * row..];
            if y < top || y >= top + height {
                to[..row].fill(0.0);
                y += 1;
                continue;
            }
            // As many rows as are contiguous.
            let count = (padded.end.min(top + height) - y).min(self.slots() - slot);
            let range = y - top..y - top + count;
            let to = &mut to[self.margins.left * self.pixel..];
            match &self.expand {
                Some(expand) => expand.rows(Rows {
                    source: input,
                    range,
                    panels: self.panels[panel].products.clone(),
                    residual: None,
                    target: Target {
                        values: to,
                        row_stride: row,
                        pixel_stride: self.pixel,
                        room: self.pixel,
                    },
                    scratch: patches,
                    ahead: self
                        .project
                        .as_ref()
                        .map_or(&[], |project| project.op.weights(panel, 0..project.op.panels())),
                }),
                None => self.copy(panel, input, range, to),
            }
            y += count;
        }
    }

    /// Copies the channels of a panel in rows `range` of the input.
    fn copy(&self, panel: usize, input: Source<'_>, range: Range<usize>, to: &mut [f32]) {
        let Source::Values(input) = input else {
            unreachable!("{PICTURE}, and only they are converted")
        };
        let (width, channels) = (self.expanded.1, self.depthwise.channels());
        let panel = self.panels[panel].channels.clone();
        for (y, to) in range.zip(to.chunks_mut(self.expanded_row())) {
            let from = input[y * width * channels..].chunks_exact(channels);
            for (from, to) in from.zip(to.chunks_exact_mut(self.pixel)).take(width) {
                to[..panel.len()].copy_from_slice(&from[panel.clone()]);
            }
        }
    }

    /// Computes the rows `rows` of a panel's filtered map.
    fn filter(
        &self,
        panel: usize,
        rows: Range<usize>,
        expanded: &[f32],
        out: &mut [f32],
        out_stride: usize,
    ) {
        let first = rows.start * self.depthwise.stride();
        self.depthwise.run(depthwise::Run {
            channels: self.panels[panel].channels.clone(),
            input: expanded,
            rows: Ring { first, slots: self.slots(), stride: self.expanded_row() },
            input_stride: self.pixel,
            height: rows.len(),
            width: self.filtered.1,
            out,
            out_stride,
        });
    }
}
