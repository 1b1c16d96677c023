//! What lies in the memory that the compiled network computes in.
//!
//! From the bottom: f32 values in their place, those that are stored short widened once; the arena of
//! intermediate values; and what is stored short, whose room is anybody's afterwards.
//!
//! Short is a weight as an integer times a scale of its output's: an i16 is as long as an f16, and several times as
//! exact, since the weights of an output are of one size.

use wasm_encoder::{ConstExpr, DataSection, ExportKind, ExportSection, MemorySection, Module};

use crate::code::memory;
use crate::weights::{scale, units};

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
    /// Bytes of a weight.
    bytes: usize,
    values: Vec<u8>,
}

/// Weights that are to be widened: where they lie, where they go, and the rest of [`Short`].
pub(crate) struct Widening {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) scales: u32,
    pub(crate) panels: u32,
    pub(crate) rows: u32,
    pub(crate) bytes: usize,
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

    /// The address of weights that are kept in so many bytes each: panels of `rows` x [`PANEL`].
    pub(crate) fn short(&mut self, weights: &[f32], rows: usize, bytes: usize) -> u32 {
        let mut scales = Vec::new();
        let mut values = Vec::with_capacity(weights.len() * bytes);
        for panel in weights.chunks_exact(rows * PANEL) {
            let rows = panel.as_chunks::<PANEL>().0;
            let own: [f32; PANEL] =
                std::array::from_fn(|output| scale(rows.iter().map(|row| row[output]), bytes));
            for (&weight, &scale) in rows.iter().flat_map(|row| row.iter().zip(&own)) {
                // The higher of both is the sign of one that has room in the lower.
                values.extend(&units(weight, scale, bytes).to_le_bytes()[..bytes]);
            }
            scales.extend(own);
        }
        let panels = (scales.len() / PANEL) as u32;
        let scales = self.exact(&scales);
        let to = self.room(size_of_val(weights));
        self.short.push(Short { to, scales, panels, rows: rows as u32, bytes, values });
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
            let &Short { to, scales, panels, rows, bytes, .. } = short;
            let own = Widening { from, to, scales, panels, rows, bytes };
            from += short.values.len() as u32;
            own
        };
        self.short.iter().map(widening).collect()
    }

    /// Pages of a memory that has all of it, with what is short from an address on.
    pub(crate) fn pages(&self, from: u32) -> u64 {
        let short: usize = self.short.iter().map(|short| short.values.len()).sum();
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
        let short: Vec<u8> = self.short.iter().flat_map(|short| short.values.clone()).collect();
        data.active(0, &ConstExpr::i32_const(from as i32), short);
        let mut module = Module::new();
        module.section(&memories).section(&exports).section(&data);
        module.finish()
    }
}
