//! The precision of features in files.

use std::fmt;
use std::str::FromStr;

use half::f16;
use half::slice::HalfFloatSliceExt;
use headstart_model::Float;

/// The precision of features in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits, as computed.
    #[default]
    F32,
    /// 16 bits, of which 11 are significant.
    F16,
}

impl Precision {
    /// The number of bytes per value.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// Appends values in little-endian order. Values beyond the range of f16 become its largest value, not
    /// infinity.
    pub fn encode(self, values: &[f32], to: &mut Vec<u8>) {
        match self {
            Self::F32 => to.extend(values.iter().flat_map(|x| x.to_le_bytes())),
            Self::F16 => {
                let mut halves = vec![f16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                let bounded = halves.iter().map(|x| x.clamp(f16::MIN, f16::MAX));
                to.extend(bounded.flat_map(f16::to_le_bytes));
            }
        }
    }

    /// Decodes values written by [`Precision::encode`], exactly as they were stored.
    ///
    /// # Panics
    /// Unless the number of values is the length of `to`.
    pub fn decode(self, bytes: &[u8], to: &mut [f32]) {
        let float = match self {
            Self::F32 => Float::F32,
            Self::F16 => Float::F16,
        };
        float.decode_into(bytes, to);
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err("there are f32 and f16".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_stored() {
        for len in [0, 1, 255, 256, 257, 1280] {
            let values: Vec<f32> = (0..len).map(|i| (i as f32 - 100.0) / 7.0).collect();
            for precision in [Precision::F32, Precision::F16] {
                let mut bytes = Vec::new();
                precision.encode(&values, &mut bytes);
                let mut back = vec![f32::NAN; len];
                precision.decode(&bytes, &mut back);
                let of_f16 = |x: f32| f16::from_f32(x).to_f32();
                let stored = |x: &f32| if precision == Precision::F16 { of_f16(*x) } else { *x };
                assert_eq!(back, values.iter().map(stored).collect::<Vec<_>>());
            }
        }
        let mut bytes = Vec::new();
        Precision::F16.encode(&[1e9, -1e9], &mut bytes);
        let mut back = [0.0; 2];
        Precision::F16.decode(&bytes, &mut back);
        assert_eq!(back, [65504.0, -65504.0]);
    }
}
