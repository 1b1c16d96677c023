//! Conversion of stored numbers to f32.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// A floating-point type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Float {
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// 32 bits.
    F32,
    /// 64 bits; rounded to nearest.
    F64,
}

impl Float {
    /// Bytes of a number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Decodes little-endian numbers to f32; an incomplete last one is dropped.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::with_capacity(bytes.len() / self.bytes());
        self.decode_to(bytes, &mut values);
        values
    }

    /// Appends the numbers that [`Float::decode`] returns.
    pub fn decode_to(self, bytes: &[u8], to: &mut Vec<f32>) {
        /// Numbers that are decoded at a time.
        const BLOCK: usize = 256;
        let whole = &bytes[..bytes.len() / self.bytes() * self.bytes()];
        let mut values = [0.0; BLOCK];
        for bytes in whole.chunks(BLOCK * self.bytes()) {
            let values = &mut values[..bytes.len() / self.bytes()];
            self.decode_into(bytes, values);
            to.extend_from_slice(values);
        }
    }

    /// Decodes as many little-endian numbers as `to` has values.
    ///
    /// # Panics
    /// When `bytes` has another length.
    pub fn decode_into(self, bytes: &[u8], to: &mut [f32]) {
        fn each<const N: usize>(bytes: &[u8], to: &mut [f32], number: impl Fn([u8; N]) -> f32) {
            for (to, chunk) in to.iter_mut().zip(bytes.as_chunks().0) {
                *to = number(*chunk);
            }
        }
        assert_eq!(bytes.len(), to.len() * self.bytes(), "bytes of other numbers");
        match self {
            Self::F16 => f16_into(bytes, to),
            Self::Bf16 => each(bytes, to, |b| bf16::from_le_bytes(b).to_f32()),
            Self::F32 => each(bytes, to, f32::from_le_bytes),
            Self::F64 => each(bytes, to, |b| f64::from_le_bytes(b) as f32),
        }
    }
}

/// Slices are converted several times as fast as single numbers.
fn f16_into(bytes: &[u8], to: &mut [f32]) {
    const BLOCK: usize = 256;
    let mut halves = [f16::ZERO; BLOCK];
    let blocks = bytes.as_chunks::<2>().0.chunks(BLOCK);
    for (bytes, to) in blocks.zip(to.chunks_mut(BLOCK)) {
        let halves = &mut halves[..bytes.len()];
        for (half, bytes) in halves.iter_mut().zip(bytes) {
            *half = f16::from_le_bytes(*bytes);
        }
        halves.convert_to_f32_slice(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_are_decoded_in_any_quantity() {
        for len in [0, 1, 255, 256, 257, 1000] {
            let values: Vec<f32> = (0..len).map(|i| (i as f32 - 100.0) / 8.0).collect();
            let bytes = |float: Float| -> Vec<u8> {
                let number = |&x: &f32| match float {
                    Float::F16 => f16::from_f32(x).to_le_bytes().to_vec(),
                    Float::Bf16 => bf16::from_f32(x).to_le_bytes().to_vec(),
                    Float::F32 => x.to_le_bytes().to_vec(),
                    Float::F64 => f64::from(x).to_le_bytes().to_vec(),
                };
                values.iter().flat_map(number).collect()
            };
            for float in [Float::F16, Float::Bf16, Float::F32, Float::F64] {
                let mut bytes = bytes(float);
                assert_eq!(bytes.len(), len * float.bytes());
                let rounded = |&x: &f32| match float {
                    Float::Bf16 => bf16::from_f32(x).to_f32(),
                    _ => x,
                };
                let expected: Vec<f32> = values.iter().map(rounded).collect();
                assert_eq!(float.decode(&bytes), expected);
                // An incomplete number at the end is dropped.
                bytes.push(1);
                assert_eq!(float.decode(&bytes), expected);
            }
        }
    }
}
