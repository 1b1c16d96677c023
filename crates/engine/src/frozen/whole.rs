//! A convolution as a separate step, with or without the mean over its positions.

use std::ops::Range;

use headstart_kernels::conv::Target;
use headstart_kernels::{AlignedBuffer, Isa, pool};

use super::buffers::Buffers;
use super::conv::{Conv, Rows};
use super::share::{carve, divide, divide_rows, padded};

impl Conv {
    /// f32 values of scratch per thread for [`Conv::run`].
    pub(super) fn whole_scratch(&self) -> usize {
        padded(self.prepared(self.output.spatial().0)) + self.scratch()
    }

    /// f32 values of scratch per thread for [`Conv::run_pooled`].
    pub(super) fn pooled_scratch(&self) -> usize {
        padded(self.pixels() * self.op.panel_width()) + self.whole_scratch()
    }

    fn pixels(&self) -> usize {
        let (height, width) = self.output.spatial();
        height * width
    }

    /// Computes the whole map.
    pub(super) fn run(&self, buffers: Buffers<'_>) {
        let Buffers { input, residual, out, scratch, ahead } = buffers;
        let channels = self.op.outputs();
        let (height, width) = self.output.spatial();
        if self.pixels() == 1 && residual.is_none() {
            self.divide_panels(out, scratch, &|panels, out, mut scratch| {
                let prepared = carve(&mut scratch, self.prepared(1));
                self.rows(Rows {
                    source: self.prepare(input, 0..1, prepared),
                    range: 0..1,
                    panels,
                    residual,
                    target: Target { room: out.len(), values: out, row_stride: 0, pixel_stride: 0 },
                    scratch,
                    ahead,
                });
            });
            return;
        }
        divide_rows(height, (residual, out), scratch, &|range, (residual, out), mut scratch| {
            let prepared = carve(&mut scratch, self.prepared(range.len()));
            // A padded convolution reads other rows, but needs no preparation.
            let source = self.prepare(input, range.clone(), prepared);
            self.rows(Rows {
                source,
                range,
                panels: 0..self.op.panels(),
                residual,
                target: Target::dense(out, width, channels),
                scratch,
                ahead,
            });
        });
    }

    /// Computes the mean of the map over its positions, without storing the whole map.
    pub(super) fn run_pooled(&self, isa: Isa, buffers: Buffers<'_>) {
        let Buffers { input, out, scratch, ahead, .. } = buffers;
        let (height, width) = self.output.spatial();
        self.divide_panels(out, scratch, &|panels, mut out, mut scratch| {
            let map = carve(&mut scratch, self.pixels() * self.op.panel_width());
            let prepared = carve(&mut scratch, self.prepared(height));
            let source = self.prepare(input, 0..height, prepared);
            for panel in panels {
                let next = panel + 1;
                let channels = self.op.panel(panel).len();
                let (own, rest) = std::mem::take(&mut out).split_at_mut(channels);
                out = rest;
                let map = &mut map[..self.pixels() * channels];
                self.rows(Rows {
                    source,
                    range: 0..height,
                    panels: panel..next,
                    residual: None,
                    target: Target::dense(map, width, channels),
                    scratch: &mut *scratch,
                    ahead: if next < self.op.panels() { self.weights(next) } else { ahead },
                });
                pool::global_average(isa, map, own);
            }
        });
    }

    /// Divides the panels among the threads, with their values in the vector `out`.
    fn divide_panels(
        &self,
        out: &mut [f32],
        scratch: &mut [AlignedBuffer],
        run: &(impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync),
    ) {
        let channel = |panel: usize| {
            if panel < self.op.panels() { self.op.panel(panel).start } else { self.op.outputs() }
        };
        let split = |(first, out): (usize, _), panels: usize| {
            let out: &mut [f32] = out;
            let cut = first + panels;
            let (out, rest) = out.split_at_mut(channel(cut) - channel(first));
            ((first, out), (cut, rest))
        };
        divide(0..self.op.panels(), (0, out), scratch, &split, &|panels, (_, out), scratch| {
            run(panels, out, scratch);
        });
    }
}
