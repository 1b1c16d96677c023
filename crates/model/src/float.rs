//! Conversion of stored numbers to f32.

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
    /// Decodes little-endian numbers to f32; an incomplete last one is dropped.
    #[must_use]
    pub fn decode(self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks().0.iter().map(|&chunk| number(chunk)).collect()
        }
        match self {
            Float::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Float::Bf16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Float::F32 => each(bytes, f32::from_le_bytes),
            Float::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
        }
    }
}
