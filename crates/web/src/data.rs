//! The contents of the memory that the compiled network computes in.
//!
//! From low addresses to high ones: f32 values, with room for the quantized weights, which are widened there once; the
//! arena of intermediate values; and the quantized weights, whose memory may be reused after they have been widened.
//!
//! Quantized weights are integers times a scale for each output. An i16 is as short as an f16 and several times as
//! exact, since the weights of one output are of similar size.

use wasm_encoder::{ConstExpr, DataSection, ExportKind, ExportSection, MemorySection, Module};

use crate::code::memory;
use crate::weights::{scale, units};

/// The lowest address in use.
const FIRST: u32 = 64;
/// The alignment of all values: a cache line.
const ALIGNMENT: u32 = 64;
/// Bytes in a page of memory.
pub(crate) const PAGE: u32 = 1 << 16;

/// The values that are in memory before anything is computed.
pub(crate) struct Data {
    end: u32,
    /// Values that are stored as they are, by address.
    exact: Vec<(u32, Vec<u8>)>,
    /// Weights that are stored quantized.
    short: Vec<Short>,
    /// The address of bytes that stay zero, and their number.
    zeros: (u32, usize),
}

/// Quantized weights, `[panels][rows][PANEL]`.
struct Short {
    /// The address of the widened weights.
    to: u32,
    /// The address of the scales, `[panels][PANEL]`.
    scales: u32,
    panels: u32,
    rows: u32,
    /// Bytes per weight: 1 or 2.
    bytes: usize,
    values: Vec<u8>,
}

/// Quantized weights at `from` that are to be widened to `to`; the other fields are those of [`Short`].
pub(crate) struct Widening {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) scales: u32,
    pub(crate) panels: u32,
    pub(crate) rows: u32,
    pub(crate) bytes: usize,
}

/// The number of outputs in a panel of weights.
pub(crate) const PANEL: usize = 8;

impl Default for Data {
    fn default() -> Self {
        Self { end: FIRST, exact: Vec::new(), short: Vec::new(), zeros: (0, 0) }
    }
}

impl Data {
    /// Stores values as they are, and returns their address.
    pub(crate) fn exact(&mut self, values: &[f32]) -> u32 {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let at = self.room(bytes.len());
        self.exact.push((at, bytes));
        at
    }

    /// Stores weights quantized to `bytes` bytes each, and returns the address of the widened weights. `weights` are
    /// panels of `rows` x [`PANEL`].
    pub(crate) fn short(&mut self, weights: &[f32], rows: usize, bytes: usize) -> u32 {
        let mut scales = Vec::new();
        let mut values = Vec::with_capacity(weights.len() * bytes);
        for panel in weights.chunks_exact(rows * PANEL) {
            let rows = panel.as_chunks::<PANEL>().0;
            let own: [f32; PANEL] =
                std::array::from_fn(|output| scale(rows.iter().map(|row| row[output]), bytes));
            for (&weight, &scale) in rows.iter().flat_map(|row| row.iter().zip(&own)) {
                // Little-endian: an 8-bit weight is the lower byte, and the upper one only repeats its sign.
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

    /// Reserves bytes that are zero at first, and returns their address.
    pub(crate) fn room(&mut self, bytes: usize) -> u32 {
        let at = self.end;
        self.end = (at + bytes as u32).next_multiple_of(ALIGNMENT);
        at
    }

    /// The address of at least `bytes` bytes that stay zero.
    pub(crate) fn zeros(&mut self, bytes: usize) -> u32 {
        if self.zeros.1 < bytes {
            self.zeros = (self.room(bytes), bytes);
        }
        self.zeros.0
    }

    /// The first address after all values.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// What has to be widened, if the quantized weights begin at `from`.
    pub(crate) fn widenings(&self, mut from: u32) -> Vec<Widening> {
        let widening = |short: &Short| {
            let &Short { to, scales, panels, rows, bytes, .. } = short;
            let own = Widening { from, to, scales, panels, rows, bytes };
            from += short.values.len() as u32;
            own
        };
        self.short.iter().map(widening).collect()
    }

    /// The pages of a memory that contains everything, with the quantized weights from `from` on.
    pub(crate) fn pages(&self, from: u32) -> u64 {
        let short: usize = self.short.iter().map(|short| short.values.len()).sum();
        u64::from((from + short as u32).div_ceil(PAGE))
    }

    /// A module with only the memory and its contents, with the quantized weights from `from` on.
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
