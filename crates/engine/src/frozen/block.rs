//! The inverted-residual block, computed panel by panel and band by band.
//!
//! Of a *panel* of expanded channels, a *band* of rows is expanded, filtered by the depthwise
//! convolution, and what the last convolution makes of it is added to the sums of the panels
//! before. So the expanded map, the largest value of the network, never exists as a whole: what
//! lies between stays in the first cache, and every weight is fetched once.

use std::ops::Range;

use headstart_kernels::Clamp;
use headstart_kernels::conv::Target;
use headstart_kernels::depthwise::{self, Depthwise, Ring};
use headstart_model::{Margins, Shape};

use super::conv::{Conv, PICTURE, Rows, Source};
use super::product::{Pixels, Run, round, rounded_len};
use super::share::{carve, divide, divide_rows, padded};
use super::step::Buffers;

/// `expand` (or a copy of the input), `depthwise`, `project` (or nothing).
#[derive(Debug)]
pub(super) struct Block {
    expand: Option<Conv>,
    depthwise: Depthwise,
    /// Its chunks are the panels.
    project: Option<Conv>,
    margins: Margins,
    panels: Vec<Panel>,
    /// Values of a pixel in the scratch buffers: room for any panel.
    pixel: usize,
    /// Height and width of the expanded map.
    expanded: (usize, usize),
    /// Height and width of the filtered map.
    filtered: (usize, usize),
    /// Filtered rows in a band.
    band: usize,
}

/// Channels that are computed together.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// Begin at a whole number of vectors.
    pub(super) channels: Range<usize>,
    /// The panels of `expand` that these are; empty where there is none.
    pub(super) products: Range<usize>,
}

/// The part of a block that a thread computes.
struct Part<'a> {
    rows: Range<usize>,
    panels: Range<usize>,
    input: Source<'a>,
    /// Both begin with the first of the rows.
    residual: Option<&'a [f32]>,
    out: &'a mut [f32],
    scratch: &'a mut [f32],
    ahead: &'a [f32],
}

impl Block {
    /// `bytes` bounds what a band fills, as far as a band of one row allows.
    pub(super) fn new(
        (expand, depthwise, project): (Option<Conv>, Depthwise, Option<Conv>),
        panels: Vec<Panel>,
        pixel: usize,
        margins: Margins,
        (expanded, filtered): (Shape, Shape),
        bytes: usize,
    ) -> Self {
        let mut block = Self {
            expand,
            depthwise,
            project,
            margins,
            panels,
            pixel,
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

    /// Values in a row of a panel's expanded map, padding included.
    fn expanded_row(&self) -> usize {
        (self.margins.left + self.expanded.1 + self.margins.right) * self.pixel
    }

    /// Values in a row of a panel's filtered map.
    fn filtered_row(&self) -> usize {
        self.filtered.1 * self.pixel
    }

    /// Rows of a panel's expanded map that are held at a time.
    fn slots(&self) -> usize {
        self.depthwise.inputs_under(self.band)
    }

    /// f32 values of scratch that a thread needs, of `threads`.
    pub(super) fn scratch(&self, threads: usize) -> usize {
        let partial = if threads > 1 { self.sums() } else { 0 };
        let lens = [
            partial,
            self.expanded_len(),
            self.filtered_len(),
            self.patches_len(),
            self.prepared_len(),
            self.rounded_len(),
        ];
        lens.into_iter().map(padded).sum()
    }

    fn expanded_len(&self) -> usize {
        self.slots() * self.expanded_row()
    }

    fn filtered_len(&self) -> usize {
        if self.project.is_some() { self.band * self.filtered_row() } else { 0 }
    }

    fn patches_len(&self) -> usize {
        self.expand.as_ref().map_or(0, Conv::scratch)
    }

    /// For the input in the precision of the first convolution.
    fn prepared_len(&self) -> usize {
        self.expand.as_ref().map_or(0, |expand| expand.prepared(self.expanded.0))
    }

    /// For a band of the filtered map in the precision of the last convolution.
    fn rounded_len(&self) -> usize {
        let Some(project) = &self.project else { return 0 };
        let len = |panel| {
            let pixels = self.band * self.filtered.1;
            project.op.rounded(panel).map_or(0, |(_, pixel)| rounded_len(pixels, pixel))
        };
        (0..self.panels.len()).map(len).max().unwrap_or(0)
    }

    /// Values of the last convolution's sums.
    fn sums(&self) -> usize {
        let (height, width) = self.filtered;
        self.project.as_ref().map_or(0, |project| height * width * project.op.outputs())
    }

    pub(super) fn multiply_adds(&self) -> usize {
        let taps = self.depthwise.kernel().pow(2);
        let own = self.filtered.0 * self.filtered.1 * self.depthwise.channels() * taps;
        let conv = |conv: &Option<Conv>| conv.as_ref().map_or(0, Conv::multiply_adds);
        own + conv(&self.expand) + conv(&self.project)
    }

    /// The weights that it begins with.
    pub(super) fn first_weights(&self) -> &[f32] {
        self.expand
            .as_ref()
            .map_or(&[], |expand| expand.op.weights(0, self.panels[0].products.clone()))
    }

    pub(super) fn run(&self, buffers: Buffers<'_>) {
        let Buffers { input, residual, out, scratch, ahead } = buffers;
        let height = self.filtered.0;
        if self.shares_panels(scratch.len()) {
            return self.run_panels(Buffers { input, residual, out, scratch, ahead });
        }
        divide_rows(height, (residual, out), scratch, &|rows, (residual, out), scratch| {
            let panels = 0..self.panels.len();
            self.part(Part { rows, panels, input, residual, out, scratch, ahead });
        });
    }

    /// Whether `threads` are better divided among the panels than among the rows: rows at the
    /// borders of parts are expanded twice, but panels may not come out even.
    fn shares_panels(&self, threads: usize) -> bool {
        let linear = self.project.as_ref().is_some_and(|project| project.op.clamp() == Clamp::NONE);
        if threads == 1 || !linear || self.panels.len() < threads {
            return false;
        }
        let rows = self.filtered.0.div_ceil(threads);
        let expanded = self.depthwise.inputs_under(rows) as f64 / self.expanded.0 as f64;
        let filtered = rows as f64 / self.filtered.0 as f64;
        let panels = self.panels.len();
        // About half of the work is to expand.
        (panels.div_ceil(threads) as f64 / panels as f64) < (expanded + filtered) / 2.0
    }

    /// Divides the panels among the threads: one adds to the output, the others to sums of their
    /// own, which are added at the end.
    fn run_panels(&self, buffers: Buffers<'_>) {
        let Buffers { input, residual, out, scratch, ahead } = buffers;
        let sums = self.sums();
        let split = |out, _| (None, out);
        let out_again = &mut *out;
        divide(
            0..self.panels.len(),
            Some(out_again),
            scratch,
            &split,
            &|panels, out, mut scratch| {
                let rows = 0..self.filtered.0;
                let own = carve(&mut scratch, sums);
                let out = out.unwrap_or(own);
                // All but the first panel add to what is there.
                out.fill(0.0);
                self.part(Part { rows, panels, input, residual, out, scratch, ahead });
            },
        );
        for other in &scratch[1..] {
            for (out, other) in out.iter_mut().zip(&other[..sums]) {
                *out += other;
            }
        }
    }

    fn part(&self, part: Part<'_>) {
        let Part { rows, panels, input, residual, out, mut scratch, ahead } = part;
        let expanded = carve(&mut scratch, self.expanded_len());
        let filtered = carve(&mut scratch, self.filtered_len());
        let patches = carve(&mut scratch, self.patches_len());
        let prepared = carve(&mut scratch, self.prepared_len());
        let rounded = carve(&mut scratch, self.rounded_len());
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
            // Padded rows from this one on are still to be expanded.
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
                            pixels: self.filtered_pixels(project, panel, size, filtered, rounded),
                            size,
                            residual,
                            target: Target {
                                values: out,
                                row_stride: size.1 * channels,
                                pixel_stride: channels,
                            },
                            ahead,
                        });
                    }
                }
            }
        }
    }

    /// The rows of the unpadded expanded map that lie under filtered ones.
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
        rounded: &'a mut [f32],
    ) -> Pixels<'a> {
        match project.op.rounded(panel) {
            None => Pixels::F32(filtered, self.pixel),
            Some(kind) => {
                let filtered = &filtered[..height * width * self.pixel];
                let channels = self.panels[panel].channels.len();
                Pixels::Bf16(round(kind, (filtered, self.pixel, channels), rounded))
            }
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
            // As many rows as lie together.
            let count = (padded.end.min(top + height) - y).min(self.slots() - slot);
            let range = y - top..y - top + count;
            let to = &mut to[self.margins.left * self.pixel..];
            match &self.expand {
                Some(expand) => expand.rows(Rows {
                    source: input,
                    range,
                    panels: self.panels[panel].products.clone(),
                    residual: None,
                    target: Target { values: to, row_stride: row, pixel_stride: self.pixel },
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

    /// Copies a panel of the input's rows `range`.
    fn copy(&self, panel: usize, input: Source<'_>, range: Range<usize>, to: &mut [f32]) {
        let Source::Values(input) = input else {
            unreachable!("{PICTURE}, and only they are rounded")
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
