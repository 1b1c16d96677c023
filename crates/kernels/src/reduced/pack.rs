//! Weights in reduced precision, packed in words.

use half::bf16;

use super::{Conv, MAX_INPUTS, OUTPUTS, Precision, Reduced};
use crate::chunks::chunks;
use crate::{AlignedBuffer, Clamp};

/// Outputs whose words are adjacent for each step of the inputs.
const LANES: usize = 16;

impl Conv {
    /// Packs `kernel`, `[inputs][outputs]`, with inputs in chunks that end at `ends`.
    ///
    /// Words are `[chunks][panels][steps][OUTPUTS / 16][step][16]`, where a step is the number of words that the
    /// instruction set multiplies at a time; zero beyond the chunk's inputs and the outputs.
    ///
    /// # Panics
    /// When the lengths do not agree, `ends` does not increase up to the number of inputs, or there are more than
    /// [`MAX_INPUTS`].
    pub fn new(isa: Reduced, kernel: &[f32], bias: &[f32], clamp: Clamp, ends: &[usize]) -> Self {
        let outputs = bias.len();
        let agree = outputs > 0 && !kernel.is_empty() && kernel.len().is_multiple_of(outputs);
        assert!(agree, "kernel and bias do not agree");
        let inputs = kernel.len() / outputs;
        assert!(inputs <= MAX_INPUTS, "sums would overflow");
        let padded = outputs.next_multiple_of(OUTPUTS);
        let mut own = Self {
            isa,
            outputs,
            chunks: chunks(ends, inputs),
            weights: AlignedBuffer::new(0),
            offsets: Vec::new(),
            scales: AlignedBuffer::new(0),
            totals: AlignedBuffer::new(0),
            bias: AlignedBuffer::new(padded),
            clamp,
        };
        own.bias[..outputs].copy_from_slice(bias);
        let mut words = 0;
        for chunk in 0..own.chunks.len() {
            own.offsets.push(words);
            words += padded * own.words(chunk);
        }
        own.weights = AlignedBuffer::new(words);
        match isa.precision() {
            Precision::Bf16 => {
                own.pack(kernel, |_, _, weight| bf16::from_f32(weight).to_bits());
            }
            Precision::Int8 => own.quantise(kernel),
        }
        own
    }

    /// Packs integers, each output with its own scale.
    fn quantise(&mut self, kernel: &[f32]) {
        let padded = self.bias.len();
        let mut scales = AlignedBuffer::new(padded);
        for row in kernel.chunks_exact(self.outputs) {
            for (scale, weight) in scales.iter_mut().zip(row) {
                *scale = scale.max(weight.abs() / 127.0);
            }
        }
        let mut totals = AlignedBuffer::new(self.chunks.len() * padded);
        self.pack(kernel, |chunk, output, weight| {
            // An output without weights has the scale 0: NaN becomes 0.
            let integer = (weight / scales[output]).round() as i8;
            totals[chunk * padded + output] -= f32::from(integer);
            integer
        });
        (self.scales, self.totals) = (scales, totals);
    }

    /// Writes the weights to their places; `convert` receives chunk, output and weight.
    fn pack<T: bytemuck::Pod>(
        &mut self,
        kernel: &[f32],
        mut convert: impl FnMut(usize, usize, f32) -> T,
    ) {
        let (per_word, step) = (self.isa.precision().per_word(), self.isa.step());
        for (chunk, inputs) in self.chunks.iter().enumerate() {
            let steps = self.words(chunk) / step;
            let packed: &mut [T] = bytemuck::cast_slice_mut(&mut self.weights);
            let rows = kernel.chunks_exact(self.outputs).take(inputs.end).skip(inputs.start);
            for (input, row) in rows.enumerate() {
                let (word, part) = (input / per_word, input % per_word);
                for (output, weight) in row.iter().enumerate() {
                    let (panel, half, lane) =
                        (output / OUTPUTS, output % OUTPUTS / LANES, output % LANES);
                    let block = (panel * steps + word / step) * (OUTPUTS / LANES) + half;
                    let at = self.offsets[chunk] + (block * step + word % step) * LANES + lane;
                    packed[at * per_word + part] = convert(chunk, output, *weight);
                }
            }
        }
    }
}
