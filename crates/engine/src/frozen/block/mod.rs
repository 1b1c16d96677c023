//! The inverted-residual block, computed panel by panel and band by band.
//!
//! For a *panel* of expanded channels, a *band* of rows is expanded, filtered by the depthwise convolution and
//! multiplied by the last convolution, whose products are added to the sums of earlier panels. So the expanded map, the
//! largest value of the network, is never stored as a whole: intermediate values stay in L1, and every weight is
//! fetched once.

mod part;

use std::ops::Range;

use headstart_kernels::Activation;
use headstart_kernels::depthwise::Depthwise;
use headstart_model::{Margins, Shape};

use super::buffers::Buffers;
use super::conv::Conv;
use super::share::{carve, divide, divide_rows, padded};
use part::Part;

/// `expand` (or a copy of the input), `depthwise` and an optional `project`.
#[derive(Debug)]
pub(super) struct Block {
    expand: Option<Conv>,
    depthwise: Depthwise,
    /// Its chunks are the panels.
    project: Option<Conv>,
    margins: Margins,
    panels: Vec<Panel>,
    /// Values per pixel in the scratch buffers, enough for any panel.
    pixel: usize,
    /// Height and width of the expanded map.
    expanded: (usize, usize),
    /// Height and width of the filtered map.
    filtered: (usize, usize),
    /// Filtered rows per band.
    band: usize,
}

/// Channels that are computed together.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// The range starts at a multiple of the vector length.
    pub(super) channels: Range<usize>,
    /// The corresponding panels of `expand`; empty if there is none.
    pub(super) products: Range<usize>,
}

impl Block {
    /// `bytes` limits the size of a band, except that a band has at least one row.
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
        // Bands of equal height avoid a short one at the end.
        block.band = height.div_ceil(height.div_ceil(largest));
        block
    }

    /// Values per row of a panel's expanded map, padding included.
    fn expanded_row(&self) -> usize {
        (self.margins.left + self.expanded.1 + self.margins.right) * self.pixel
    }

    /// Values per row of a panel's filtered map.
    fn filtered_row(&self) -> usize {
        self.filtered.1 * self.pixel
    }

    /// Rows of a panel's expanded map that are stored at a time.
    fn slots(&self) -> usize {
        self.depthwise.inputs_under(self.band)
    }

    /// f32 values of scratch for each of `threads` threads.
    pub(super) fn scratch(&self, threads: usize) -> usize {
        let partial = if threads > 1 { self.sums() } else { 0 };
        let lens = [
            partial,
            self.expanded_len(),
            self.filtered_len(),
            self.patches_len(),
            self.prepared_len(),
            self.reduced_len(),
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

    /// f32 values for the input in the precision of the first convolution.
    fn prepared_len(&self) -> usize {
        self.expand.as_ref().map_or(0, |expand| expand.prepared(self.expanded.0))
    }

    /// f32 values for a band of the filtered map in the precision of the last convolution.
    fn reduced_len(&self) -> usize {
        let Some(project) = &self.project else { return 0 };
        let len = |panel| project.op.scratch(panel, self.band * self.filtered.1);
        (0..self.panels.len()).map(len).max().unwrap_or(0)
    }

    /// Number of sums of the last convolution.
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

    /// The weights it reads first.
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

    /// Whether dividing the panels among `threads` is faster than dividing the rows: rows at the borders of parts are
    /// expanded twice, but panels may not divide evenly.
    fn shares_panels(&self, threads: usize) -> bool {
        let linear = self
            .project
            .as_ref()
            .is_some_and(|project| project.op.activation() == Activation::NONE);
        if threads == 1 || !linear || self.panels.len() < threads {
            return false;
        }
        let rows = self.filtered.0.div_ceil(threads);
        let expanded = self.depthwise.inputs_under(rows) as f64 / self.expanded.0 as f64;
        let filtered = rows as f64 / self.filtered.0 as f64;
        let panels = self.panels.len();
        // Expansion is about half of the work.
        (panels.div_ceil(threads) as f64 / panels as f64) < (expanded + filtered) / 2.0
    }

    /// Divides the panels among the threads. One adds to the output, the others to separate sums, which are added at
    /// the end.
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
                // All panels except the first add to the existing sums.
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
}
