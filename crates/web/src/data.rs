//! What lies in the memory that the compiled network computes in.
//!
//! From the bottom: f32 values in their place, those that are stored short widened once; the arena of
//! intermediate values; and what is stored short, whose room is anybody's afterwards.
//!
//! Short is a weight as an i16 times a scale of its output's: as long as an f16, and several times as exact, since
//! the weights of an output are of one size.

use wasm_encoder::{ConstExpr, DataSection, ExportKind, ExportSection, MemorySection, Module};

use crate::code::memory;

/// Below it lies nothing.
const FIRST: u32 = 64;
/// What everything is aligned to: a line of the cache.
const ALIGNMENT: u32 = 64;
/// Bytes of a page of memory.
pub(crate) const PAGE: u32 = 1 << 16;

/// The values that are there before anything is computed.
pub(crate) struct Data {
    end: u32,
    /// Values that are stored as they are, with their addresses.
    exact: Vec<(u32, Vec<u8>)>,
    /// Weights that are stored short.
    short: Vec<Short>,
    /// Zeros, and how many bytes of them there are.
    zeros: (u32, usize),
}

/// Weights of panels, `[panels][rows][PANEL]`.
struct Short {
    /// The address that they are widened to.
    to: u32,
    /// The address of the scales, `[panels][PANEL]`.
    scales: u32,
    panels: u32,
    rows: u32,
    values: Vec<i16>,
}

/// Weights that are to be widened: where they lie, where they go, and the rest of [`Short`].
pub(crate) struct Widening {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) scales: u32,
    pub(crate) panels: u32,
    pub(crate) rows: u32,
}

/// Outputs of a panel of weights.
pub(crate) const PANEL: usize = 8;

impl Default for Data {
    fn default() -> Self {
        Self { end: FIRST, exact: Vec::new(), short: Vec::new(), zeros: (0, 0) }
    }
}

impl Data {
    /// The address of values that are kept as they are.
    pub(crate) fn exact(&mut self, values: &[f32]) -> u32 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let at = self.room(bytes.len());
        self.exact.push((at, bytes));
        at
    }

    /// The address of weights that are kept short: panels of `rows` x [`PANEL`].
    pub(crate) fn short(&mut self, weights: &[f32], rows: usize) -> u32 {
        const MOST: f64 = i16::MAX as f64;
        let panels = weights.chunks_exact(rows * PANEL);
        let mut scales = Vec::new();
        let mut values = Vec::with_capacity(weights.len());
        for panel in panels {
            let rows = panel.as_chunks::<PANEL>().0;
            let largest =
                |output: usize| rows.iter().map(|row| row[output].abs()).fold(0.0, f32::max);
            let own: [f32; PANEL] = std::array::from_fn(|output| match largest(output) {
                0.0 => 1.0,
                largest => (f64::from(largest) / MOST) as f32,
            });
            let units = |(x, scale): (&f32, &f32)| {
                (f64::from(*x) / f64::from(*scale)).round().clamp(-MOST, MOST) as i16
            };
            values.extend(rows.iter().flat_map(|row| row.iter().zip(&own).map(units)));
            scales.extend(own);
        }
        let panels = (scales.len() / PANEL) as u32;
        let scales = self.exact(&scales);
        let to = self.room(size_of_val(weights));
        self.short.push(Short { to, scales, panels, rows: rows as u32, values });
        to
    }

    /// The address of room for bytes that are zero at first.
    pub(crate) fn room(&mut self, bytes: usize) -> u32 {
        let at = self.end;
        self.end = (at + bytes as u32).next_multiple_of(ALIGNMENT);
        at
    }

    /// The address of so many bytes that stay zero.
    pub(crate) fn zeros(&mut self, bytes: usize) -> u32 {
        if self.zeros.1 < bytes {
            self.zeros = (self.room(bytes), bytes);
        }
        self.zeros.0
    }

    /// Where what follows the values begins.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// What is to be widened, where it lies from an address on.
    pub(crate) fn widenings(&self, mut from: u32) -> Vec<Widening> {
        let widening = |short: &Short| {
            let &Short { to, scales, panels, rows, .. } = short;
            let own = Widening { from, to, scales, panels, rows };
            from += size_of_val(&short.values[..]) as u32;
            own
        };
        self.short.iter().map(widening).collect()
    }

    /// Pages of a memory that has all of it, with what is short from an address on.
    pub(crate) fn pages(&self, from: u32) -> u64 {
        let short: usize = self.short.iter().map(|short| size_of_val(&short.values[..])).sum();
        u64::from((from + short as u32).div_ceil(PAGE))
    }

    /// A module of the memory alone, with the values in it, the short ones from an address on.
    pub(crate) fn module(&self, from: u32) -> Vec<u8> {
        let mut memories = MemorySection::new();
        memories.memory(memory(self.pages(from)));
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        let mut data = DataSection::new();
        for (at, bytes) in &self.exact {
            data.active(0, &ConstExpr::i32_const(*at as i32), bytes.iter().copied());
        }
        let short = self.short.iter().flat_map(|short| &short.values);
        let short: Vec<u8> = short.flat_map(|value| value.to_le_bytes()).collect();
        data.active(0, &ConstExpr::i32_const(from as i32), short);
        let mut module = Module::new();
        module.section(&memories).section(&exports).section(&data);
        module.finish()
    }
}
